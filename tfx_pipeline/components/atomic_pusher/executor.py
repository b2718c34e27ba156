"""Pushes a blessed model so that a model server never sees half of it."""

from pathlib import Path
from typing import Any

from tfx.components.pusher.executor import Executor as PusherExecutor
from tfx.proto import pusher_pb2
from tfx.types import artifact_utils, standard_component_specs
from tfx.types.artifact import Artifact
from tfx.utils import proto_utils

from dimerec_tf.export.push import push
from tfx_pipeline.components.atomic_pusher.bucket import push_to_bucket


class Executor(PusherExecutor):
    """Pushes the exact export and those with an index beside it, and records the version.

    See `push` for directories and `push_to_bucket` for buckets.
    """

    def Do(
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
        base, exact = destination.filesystem.base_directory, self.GetModelPath(input_dict)
        version = push_to_bucket(exact, base) if "://" in exact + base else push(Path(exact), Path(base))
        self._MarkPushed(pushed, pushed_destination=f"{base}/{version}", pushed_version=str(version))
