"""The model that was pushed last, for a cluster whose metadata cannot be asked for the last blessed one."""

import json
import os

from tfx.dsl.component.experimental.annotations import OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.dsl.io import fileio
from tfx.proto import pusher_pb2
from tfx.types.standard_artifacts import Model
from tfx.utils import io_utils, path_utils, proto_utils

from dimerec_tf.config import Config
from dimerec_tf.export.save import RECORD
from tfx_pipeline.components.atomic_pusher.bucket import versions
from tfx_pipeline.names import measured


@component
def LastPushedModel(
    push_destination: Parameter[str], measured_as: Parameter[str], model: OutputArtifact[Model]
) -> None:
    """Copies the newest version that was measured alike, see `measured`; without one the output stays empty.

    Only blessed models are pushed, so this is the last blessed one. It has to run every time, not to come from a cache.
    """
    destination = pusher_pb2.PushDestination()
    proto_utils.json_to_proto(push_destination, destination)
    base = destination.filesystem.base_directory
    for version in reversed(versions(base).values()):
        export = os.path.join(base, version)  # noqa: PTH118 - may be a gs:// address
        with fileio.open(f"{export}/{RECORD}") as stream:
            config = Config.model_validate(json.load(stream)["config"])
        if measured(config.data.split, config.evaluation) == measured_as:
            io_utils.copy_dir(export, path_utils.serving_model_dir(model.uri))
            return
