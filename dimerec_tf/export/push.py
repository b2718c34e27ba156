"""Makes exports versions that a model server finds, and never sees half of."""

import filecmp
import shutil
from pathlib import Path

from dimerec_tf.config import IndexName
from dimerec_tf.named_parts import INDEXES

TEMPORARY_PREFIX = ".tmp-"


def index_folder(exact: Path, index: IndexName) -> Path:
    """Where the export with an index lies, beside the exact one."""
    return exact.with_name(f"{exact.name}-{index}")


def push(exact: Path, base: Path) -> int:
    """Makes an export, and those with an index beside it, the newest version below `base` and returns its number.

    Each is copied to a temporary neighbour and renamed to the next version number: the exact export to
    `<base>/<version>`, those with an index to `<base>_ivf/<version>` and `<base>_scann/<version>` before it, under the
    same number. What a killed push left is removed or completed; a published version is never replaced, as a server may
    have loaded it. If the newest version already is this model, nothing is copied.

    Args:
        exact: the export that goes to `base`; see `index_folder` for the others, each of which may be missing.
        base: directory of versions; that of an index is its neighbour with the index's name behind an underscore.
    """
    bases = {index: base.with_name(f"{base.name}_{index}") for index in INDEXES}
    for directory in (base, *bases.values()):
        for leftover in directory.glob(f"{TEMPORARY_PREFIX}*"):
            shutil.rmtree(leftover)
    indexed = [(index_folder(exact, index), target) for index, target in bases.items()]
    exports = [*((source, target) for source, target in indexed if source.is_dir()), (exact, base)]
    newest = max([0, *(version for directory in (base, *bases.values()) for version in _versions(directory))])
    missing = [(source, target) for source, target in exports if not _same_files(source, target / str(newest))]
    # A push that was killed between exports goes on under its number.
    begun = len(missing) < len(exports) and not any((target / str(newest)).exists() for _, target in missing)
    version = newest if begun else newest + 1
    for source, target in missing if begun else exports:
        _publish(source, target, version)
    return version


def _versions(base: Path) -> list[int]:
    return [int(entry.name) for entry in base.iterdir() if entry.name.isdecimal()] if base.is_dir() else []


def _publish(source: Path, base: Path, version: int) -> None:
    temporary = base / f"{TEMPORARY_PREFIX}{version}"
    shutil.copytree(source, temporary)
    temporary.rename(base / str(version))


def _same_files(left: Path, right: Path) -> bool:
    """Whether two directories hold the same files with the same bytes."""
    names = [{file.relative_to(root) for file in root.rglob("*") if file.is_file()} for root in (left, right)]
    return names[0] == names[1] and all(filecmp.cmp(left / name, right / name, shallow=False) for name in names[0])
