"""Pushes a blessed model so that a model server never sees half of it."""

import filecmp
import shutil
from pathlib import Path
from typing import Any

from tfx.components.pusher.executor import Executor as PusherExecutor
from tfx.proto import pusher_pb2
from tfx.types import artifact_utils, standard_component_specs
from tfx.types.artifact import Artifact
from tfx.utils import proto_utils

SCANN_FOLDER = "Format-Serving-ScaNN"
SCANN_SUFFIX = "_scann"
TEMPORARY_PREFIX = ".tmp-"


class Executor(PusherExecutor):
    """Copies to a temporary neighbour and renames it to the next version number.

    The exact export goes to `<base>/<version>`; a ScaNN export beside it goes to `<base>_scann/<version>` first, under
    the same number. What a killed push left is removed. If the newest version already is this model, nothing is
    copied and that version is recorded.
    """

    def Do(  # noqa: N802, TFX's name
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """See the class; settings are those of TFX's Pusher with a filesystem destination."""
        pushed = artifact_utils.get_single_instance(output_dict[standard_component_specs.PUSHED_MODEL_KEY])
        if not self.CheckBlessing(input_dict):
            self._MarkNotPushed(pushed)
            return
        destination = pusher_pb2.PushDestination()
        proto_utils.json_to_proto(exec_properties[standard_component_specs.PUSH_DESTINATION_KEY], destination)
        base = Path(destination.filesystem.base_directory)
        exact = Path(self.GetModelPath(input_dict))
        version = push(exact, exact.with_name(SCANN_FOLDER), base)
        self._MarkPushed(pushed, pushed_destination=str(base / str(version)), pushed_version=str(version))


def push(exact: Path, scann: Path, base: Path) -> int:
    """Makes the exports the newest version below `base` and returns its number.

    Args:
        exact: the export that goes to `base`.
        scann: the one that goes to its `_scann` neighbour; it may be missing.
        base: directory of versions.
    """
    scann_base = base.with_name(base.name + SCANN_SUFFIX)
    for directory in (base, scann_base):
        for leftover in directory.glob(f"{TEMPORARY_PREFIX}*"):
            shutil.rmtree(leftover)
    newest = max(_versions(base), default=0)
    if newest and _same_files(exact, base / str(newest)):
        return newest
    version = newest + 1
    if scann.is_dir():
        _publish(scann, scann_base, version)
    _publish(exact, base, version)
    return version


def _versions(base: Path) -> list[int]:
    return [int(entry.name) for entry in base.iterdir() if entry.name.isdecimal()] if base.is_dir() else []


def _publish(source: Path, base: Path, version: int) -> None:
    final = base / str(version)
    if final.exists():  # the ScaNN half of a push that was killed before the exact one
        shutil.rmtree(final)
    temporary = base / f"{TEMPORARY_PREFIX}{version}"
    shutil.copytree(source, temporary)
    temporary.rename(final)


def _same_files(left: Path, right: Path) -> bool:
    """Whether two directories hold the same files with the same bytes."""
    names = [{file.relative_to(root) for file in root.rglob("*") if file.is_file()} for root in (left, right)]
    return names[0] == names[1] and all(filecmp.cmp(left / name, right / name, shallow=False) for name in names[0])
