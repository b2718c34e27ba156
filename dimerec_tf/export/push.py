"""Makes exports versions that a model server finds, and never sees half of."""

import filecmp
import json
import logging
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from dimerec_tf.config import IndexName
from dimerec_tf.errors import DimeRecError
from dimerec_tf.export.versions import PUBLISHING, complete, directories, read_publishing
from dimerec_tf.named_parts import INDEXES
from dimerec_tf.one_writer import one_at_a_time
from dimerec_tf.whole_files import UNFINISHED, sync, sync_tree, write_text

logger = logging.getLogger(__name__)

TEMPORARY_PREFIX = ".tmp-"
LOCK = ".versions.lock"  # in the directory that holds those of versions


def index_folder(exact: Path, index: IndexName) -> Path:
    """Where the export with an index lies, beside the exact one."""
    return exact.with_name(f"{exact.name}-{index}")


class NewerVersion(DimeRecError):
    """A version came while the next one was made from the one before it."""


def push(exact: Path, base: Path, follows: int | None = None) -> int:
    """Makes an export, and those with an index beside it, the newest version below `base` and returns its number.

    The exact export goes to `<base>/<version>`, those with an index to `<base>_ivf/<version>` and
    `<base>_scann/<version>`, under the same number. One process at a time pushes below `base`'s parent; others wait.

    All are copied beside their places first and are on the disk before the first is renamed to its number. From then
    until all are, a file in `base`'s parent says so, and whoever lists by `versions.complete` sees none of them. A push
    that fails or is killed before that file leaves what was there; one killed after it is completed by the next.

    A published version is never replaced, as a server may have loaded it. If the newest version already is this model,
    nothing is copied but an export of it that is missing.

    Args:
        exact: the export that goes to `base`; see `index_folder` for the others, each of which may be missing.
        base: directory of versions; that of an index is its neighbour with the index's name behind an underscore.
        follows: the version that the export was made from and is to follow.

    Raises:
        NewerVersion: another one is the newest now; nothing was pushed.
        OSError: the disk is full, or a place cannot be written to; no version has come.
    """
    base.parent.mkdir(parents=True, exist_ok=True)
    with one_at_a_time(base.parent / LOCK):
        complete_killed_push(base.parent)
        if follows is not None and (found := max(complete(base), default=0)) != follows:
            raise NewerVersion(f"Version {found} came to {base} while version {follows} was worked on: start again.")
        bases = {index: base.with_name(f"{base.name}_{index}") for index in INDEXES}
        _remove_leftovers([base, *bases.values()])
        indexed = [(index_folder(exact, index), target) for index, target in bases.items()]
        exports = [*((source, target) for source, target in indexed if source.is_dir()), (exact, base)]
        newest = max([0, *(number for directory in (base, *bases.values()) for number in directories(directory))])
        missing = [(source, target) for source, target in exports if not _holds(target, newest, source)]
        # An export that got lost comes back under its number.
        begun = len(missing) < len(exports) and not any(newest in directories(target) for _, target in missing)
        version = newest if begun else newest + 1
        _publish(missing if begun else exports, version)
        return version


def complete_killed_push(place: Path) -> None:
    """Puts into place what a killed push had made ready; for whoever holds the lock of `place`."""
    published = read_publishing(place)
    if not published:
        return
    version = str(published["version"])
    moves = [(place / name / f"{TEMPORARY_PREFIX}{version}", place / name / version) for name in published["bases"]]
    if all(ready.is_dir() or target.is_dir() for ready, target in moves):
        logger.warning("Completing version %s in %s, which a push that was killed had begun.", version, place)
        _put_in_place(place, moves)
        return
    logger.warning("Taking back version %s in %s, which was begun, and of which files are gone.", version, place)
    for ready, target in moves:
        shutil.rmtree(ready, ignore_errors=True)
        shutil.rmtree(target, ignore_errors=True)
    (place / PUBLISHING).unlink()


def _publish(exports: Sequence[tuple[Path, Path]], version: int) -> None:
    """Copies exports to their bases under a number, and lets all of them be seen together."""
    if not exports:
        return
    place = exports[0][1].parent
    moves = [(target / f"{TEMPORARY_PREFIX}{version}", target / str(version)) for _, target in exports]
    try:
        for (source, _), (ready, _) in zip(exports, moves, strict=True):
            _copy(source, ready)
            sync(ready.parent)
        sync(place)
        write_text(
            place / PUBLISHING, json.dumps({"version": version, "bases": [target.name for _, target in exports]})
        )
    except BaseException:
        if not (place / PUBLISHING).exists():  # else the next push completes it
            _remove_leftovers([target for _, target in exports])
        raise
    _put_in_place(place, moves)


def _copy(source: Path, target: Path) -> None:
    """Copies a directory and ends at the first error, where `shutil.copytree` would go on."""
    for folder, _, names in os.walk(source, followlinks=True):
        place = target / Path(folder).relative_to(source)
        place.mkdir(parents=True)
        for name in names:
            shutil.copy2(Path(folder, name), place)
    sync_tree(target)


def _put_in_place(place: Path, moves: Sequence[tuple[Path, Path]]) -> None:
    for ready, target in moves:
        if not target.is_dir():
            ready.rename(target)
        sync(target.parent)
    (place / PUBLISHING).unlink()
    sync(place)


def _remove_leftovers(bases: Sequence[Path]) -> None:
    """For whoever holds the lock: then no other push has any."""
    for base in bases:
        for leftover in base.glob(f"{TEMPORARY_PREFIX}*"):
            shutil.rmtree(leftover)
        for leftover in base.parent.glob(f"{UNFINISHED}*{PUBLISHING}"):
            leftover.unlink()


def _holds(base: Path, version: int, export: Path) -> bool:
    """Whether the version is this export: the same files with the same bytes."""
    there = directories(base).get(version)
    return there is not None and _same_files(export, there)


def _same_files(left: Path, right: Path) -> bool:
    names = [{file.relative_to(root) for file in root.rglob("*") if file.is_file()} for root in (left, right)]
    return names[0] == names[1] and all(filecmp.cmp(left / name, right / name, shallow=False) for name in names[0])
