"""Pushes to a bucket, which cannot rename a directory."""

from tfx.dsl.io import fileio
from tfx.utils.io_utils import copy_file as _copy

from dimerec_tf.named_parts import INDEXES

MODEL_FILE = "saved_model.pb"


def push_to_bucket(exact: str, base: str) -> int:
    """Makes an export, and those with an index beside it, the newest version below `base` and returns its number.

    `saved_model.pb` is copied last: without it no server loads a version. What a killed push left is removed; if the
    newest version already is this model, nothing is copied.

    Args:
        exact: the export that goes to `base`; an index's export lies beside it, `-ivf` or `-scann` behind its name.
        base: directory of versions; that of an index has `_ivf` or `_scann` behind its name.
    """
    exports = [(f"{exact}-{index}", f"{base}_{index}") for index in INDEXES]
    exports = [(source, target) for source, target in [*exports, (exact, base)] if fileio.isdir(source)]
    for _, target in exports:
        _remove_unfinished(target)
    newest = max([0, *(version for _, target in exports for version in versions(target))])
    if newest and all(_contents(source) == _contents(f"{target}/{newest}") for source, target in exports):
        return newest
    for source, target in exports:
        _publish(source, f"{target}/{newest + 1}")
    return newest + 1


def versions(base: str) -> list[int]:
    """Numbers of the finished versions, in their order."""
    return sorted(int(name) for name in _numbered(base) if fileio.exists(f"{base}/{name}/{MODEL_FILE}"))


def _numbered(base: str) -> list[str]:
    names = [name.rstrip("/") for name in fileio.listdir(base)] if fileio.isdir(base) else []
    return [name for name in names if name.isdecimal()]


def _remove_unfinished(base: str) -> None:
    for name in _numbered(base):
        if not fileio.exists(f"{base}/{name}/{MODEL_FILE}"):
            fileio.rmtree(f"{base}/{name}")


def _publish(source: str, target: str) -> None:
    for name in sorted(_files(source), key=lambda name: name == MODEL_FILE):
        _copy(f"{source}/{name}", f"{target}/{name}")


def _contents(root: str) -> dict[str, bytes]:
    """The files below a directory; none, if there is no such directory."""
    return {name: fileio.open(f"{root}/{name}", "rb").read() for name in _files(root)}


def _files(root: str) -> list[str]:
    return [
        f"{directory.rstrip('/')}/{name}".removeprefix(f"{root}/")
        for directory, _, names in fileio.walk(root)
        for name in names
    ]
