"""Pushes to a bucket, which cannot rename a directory."""

import logging
import random
import time
import uuid

from tfx.dsl.io import fileio
from tfx.utils.io_utils import copy_file as _copy
from tfx.utils.io_utils import write_string_file

from dimerec_tf.errors import DimeRecError
from dimerec_tf.export.versions import MODEL_FILE, by_number
from dimerec_tf.named_parts import INDEXES

logger = logging.getLogger(__name__)

CLAIM = "claim-"  # a file in a version's directory by which a push has its number for itself
_ATTEMPTS, _PAUSE_SECONDS = 20, 2.0


class PushDisturbed(DimeRecError):
    """Other pushes came in between."""


def push_to_bucket(exact: str, base: str) -> int:
    """Makes an export, and those with an index beside it, the newest version below `base` and returns its number.

    There is no lock in a bucket. A push claims its number with a file, and gives it up for another one where it finds a
    second claim; in a store that lists what was written, as Google's and Amazon's do, no two pushes write one version.
    All files but each export's `saved_model.pb` are copied first, then these: without it no server loads a version. A
    server may see one export some seconds before another, and a push that is killed among the last may leave some
    without the others. What it left is named in the log and not removed, and its number is not used again. If the
    newest version already is this model, nothing is copied.

    Args:
        exact: the export that goes to `base`; an index's export lies beside it, `-ivf` or `-scann` behind its name.
        base: directory of versions; that of an index has `_ivf` or `_scann` behind its name.

    Raises:
        PushDisturbed: the number was taken each time, or the files are not those that were written.
    """
    exports = [(f"{exact}-{index}", f"{base}_{index}") for index in INDEXES]
    exports = [(source, target) for source, target in [*exports, (exact, base)] if fileio.isdir(source)]
    found = {target: versions(target) for _, target in exports}
    newest = max([0, *(number for numbers in found.values() for number in numbers)])
    names = {target: f"{target}/{found[target].get(newest)}" for target in found}
    if newest and all(_contents(source) == _contents(names[target]) for source, target in exports):
        return newest
    for target in found:
        _name_unfinished(target)
    version, claim = _claimed([target for _, target in exports])
    copies = [(source, f"{target}/{version}") for source, target in exports]
    for source, target in copies:
        for name in _files(source):
            if name != MODEL_FILE:
                _copy(f"{source}/{name}", f"{target}/{name}")
    for source, target in copies:
        _copy(f"{source}/{MODEL_FILE}", f"{target}/{MODEL_FILE}")
    for source, target in copies:
        fileio.remove(f"{target}/{claim}")
        if _contents(source) != _contents(target):
            raise PushDisturbed(f"{target} does not hold what was pushed: somebody else wrote there. Push again.")
    return version


def versions(base: str) -> dict[int, str]:
    """Names of the finished versions by number, in their order."""
    names = [name for name in _entries(base) if fileio.exists(f"{base}/{name}/{MODEL_FILE}")]
    return dict(sorted(by_number(names).items()))


def _entries(base: str) -> list[str]:
    names = fileio.listdir(base) if fileio.isdir(base) else []
    return [name.rstrip("/") for name in names if name.rstrip("/")]


def _name_unfinished(base: str) -> None:
    """They are not removed: nothing tells a push that was killed from one that runs now."""
    for name in by_number(_entries(base)).values():
        if not fileio.exists(f"{base}/{name}/{MODEL_FILE}"):
            logger.warning("%s/%s is not finished. If no push runs that writes there, remove it.", base, name)


def _claimed(bases: list[str]) -> tuple[int, str]:
    """A number that nobody else has below any of the directories, and the name of the file that says so in each."""
    for _ in range(_ATTEMPTS):
        taken = [number for base in bases for number in by_number(_entries(base))]
        version, claim = max([0, *taken]) + 1, f"{CLAIM}{uuid.uuid4().hex}"
        for base in bases:
            write_string_file(f"{base}/{version}/{claim}", "")
        if all(_entries(f"{base}/{version}") == [claim] for base in bases):
            return version, claim
        for base in bases:
            fileio.remove(f"{base}/{version}/{claim}")
        logger.warning("Another push claimed version %d below %s as well, trying another number.", version, bases[-1])
        time.sleep(random.uniform(0, _PAUSE_SECONDS))
    raise PushDisturbed(f"Other pushes took {_ATTEMPTS} numbers below {bases[-1]}: push again when they have ended.")


def _contents(root: str) -> dict[str, bytes]:
    """The files below a directory; none, if there is no such directory."""
    return {name: fileio.open(f"{root}/{name}", "rb").read() for name in _files(root)}


def _files(root: str) -> list[str]:
    return [
        f"{directory.rstrip('/')}/{name}".removeprefix(f"{root}/")
        for directory, _, names in fileio.walk(root)
        for name in names
    ]
