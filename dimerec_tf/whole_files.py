"""Files and directories that are whole or not there, whatever ends their writer: a kill, a full disk, a power cut."""

import ctypes
import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

UNFINISHED = ".unfinished-"  # what a killed writer leaves has a name that begins so
_STREAMS = ("/dev/std", "/dev/fd/", "/proc/")  # also where a shell has sent them to a file
_HERE, _EXCHANGE = -100, 2  # AT_FDCWD and RENAME_EXCHANGE of renameat2


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Gives a place beside `path` to write a file to, and moves it to `path` once the block has ended well.

    Its bytes are on the disk before it bears its name. If the block fails, `path` stays as it was. What is no file,
    such as a pipe or a terminal, is written to where it is.

    Raises:
        OSError: as for a write to `path`.
    """
    if str(path).startswith(_STREAMS) or (path.exists() and not path.is_file()):
        yield path
        return
    target = Path(os.path.realpath(path))
    unfinished = target.with_name(f"{UNFINISHED}{secrets.token_hex(6)}-{target.name}")
    try:
        yield unfinished
        if target.exists():
            shutil.copymode(target, unfinished)
        sync(unfinished)
        unfinished.replace(target)
        sync(target.parent)
    except OSError as error:
        if error.filename == str(unfinished):
            error.filename = str(path)
        raise
    finally:
        unfinished.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Writes a file in UTF-8, whole or not at all, see `whole_file`."""
    with whole_file(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8")


@contextmanager
def whole_directory(path: Path) -> Iterator[Path]:
    """Gives a place beside `path` to make a directory at, and puts it there once the block has ended well.

    A directory that was at `path` is replaced in one step, where the file system can exchange two (of a network's some
    cannot: then there is none for a moment), and removed.
    """
    unfinished = path.with_name(f"{UNFINISHED}{secrets.token_hex(6)}-{path.name}")
    try:
        yield unfinished
        sync_tree(unfinished)
        _put(unfinished, path)
        sync(path.parent)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def remove_unfinished(directory: Path) -> None:
    """Removes what killed writers left in a directory; for whoever is alone in it, see `one_writer`."""
    for leftover in directory.glob(f"{UNFINISHED}*"):
        shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()


def sync(path: Path) -> None:
    """Waits until a file's bytes, or the names in a directory, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(directory: Path) -> None:
    """`sync` for a directory and all that is below it."""
    for entry in [*directory.rglob("*"), directory]:
        sync(entry)


def _put(new: Path, place: Path) -> None:
    """Moves a directory to its place; what was there is at `new` then, or nowhere."""
    try:
        new.rename(place)
        return
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.renameat2(_HERE, os.fsencode(new), _HERE, os.fsencode(place), _EXCHANGE) != 0:
        former = new.with_name(f"{new.name}-former")
        place.rename(former)
        new.rename(place)
        shutil.rmtree(former, ignore_errors=True)
