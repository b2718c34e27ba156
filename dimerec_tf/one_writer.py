"""One process at a time where two would spoil each other's files.

The kernel ends a lock with the process that holds it.
"""

import fcntl
import json
import logging
import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from dimerec_tf.errors import DimeRecError

logger = logging.getLogger(__name__)

LOCK = ".lock"


class InUse(DimeRecError):
    """Another process works there now."""


class NoDirectory(DimeRecError, OSError):
    """A place for a directory where none can be."""


@contextmanager
def alone_in(directory: Path) -> Iterator[None]:
    """Makes a directory and keeps it for the time of the block from other processes that ask for it so.

    Raises:
        InUse: another process has it; the message says which, what it runs and since when.
        NoDirectory: there is a file where the directory or one above it should be.
    """
    require_room(directory)
    directory.mkdir(parents=True, exist_ok=True)
    descriptor = _open_lock(directory / LOCK, waits=False)
    try:
        yield
    finally:
        _release(descriptor)


def require_room(directory: Path) -> None:
    """Raises `NoDirectory` if a file is where the directory or one above it should be."""
    there = next(place for place in (directory, *directory.absolute().parents) if place.exists())
    if not there.is_dir():
        raise NoDirectory(f"{directory} cannot be made, there is a file in its way: name another directory.")


@contextmanager
def one_at_a_time(lock: Path) -> Iterator[None]:
    """Waits until no other process has the lock, a file that is made, and holds it for the time of the block."""
    descriptor = _open_lock(lock, waits=True)
    try:
        yield
    finally:
        _release(descriptor)


def _open_lock(lock: Path, waits: bool) -> int:
    while True:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            _lock(descriptor, lock, waits)
            if _is_still(descriptor, lock):
                _say_who(descriptor)
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # somebody removed the file meanwhile, and another process may have made it anew


def _lock(descriptor: int, lock: Path, waits: bool) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        who = _who(descriptor)
        if not waits:
            raise InUse(
                f"{lock.parent} is in use by {who}: wait until that has ended, or name another directory."
            ) from None
        logger.warning("Waiting for %s, which writes to %s.", who, lock.parent)
        fcntl.flock(descriptor, fcntl.LOCK_EX)


def _is_still(descriptor: int, lock: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), lock.stat())
    except FileNotFoundError:
        return False


def _say_who(descriptor: int) -> None:
    command = shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])
    since = datetime.now().astimezone().isoformat(" ", "seconds")
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps({"pid": os.getpid(), "command": command, "since": since}).encode(), 0)


def _who(descriptor: int) -> str:
    try:
        holder = json.loads(os.pread(descriptor, 65_536, 0))
        return f"process {holder['pid']} since {holder['since']} ({holder['command']})"
    except (ValueError, KeyError, TypeError):  # it has only just begun, or ends now
        return "another process"


def _release(descriptor: int) -> None:
    try:
        os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)
