"""What differs between a run of the pipeline on this machine and one on a cluster."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.dsl.components.base.base_node import BaseNode
from tfx.orchestration.data_types import RuntimeParameter
from tfx.proto import pusher_pb2, trainer_pb2

TRAIN_ARGS = trainer_pb2.TrainArgs(splits=["train"])  # as long as the configuration says


@dataclass(frozen=True)
class Target:
    """Where the pipeline's parts come from.

    Attributes:
        last_blessed: gives `model`, which a new model is compared with and a warm start begins with, or none.
        pusher: takes a blessed model.
        push_destination: where to, unless `pusher_settings` say it.
        pusher_settings: joins the Pusher's `custom_config`.
        trainer: trains DimeRec; left out, TFX's own.
        trainer_settings: joins the `custom_config` of DimeRec's Trainer.
        train_args: of DimeRec's Trainer, with the number of steps if the configuration's length is not to hold.
        data_location: takes the place of the directory in `data.path`.
    """

    last_blessed: BaseNode
    pusher: type[BaseExecutor]
    push_destination: pusher_pb2.PushDestination | RuntimeParameter | None = None
    pusher_settings: Mapping[str, Any] = field(default_factory=dict)
    trainer: type[BaseExecutor] | None = None
    trainer_settings: Mapping[str, Any] = field(default_factory=dict)
    train_args: trainer_pb2.TrainArgs | RuntimeParameter = TRAIN_ARGS
    data_location: RuntimeParameter | None = None


def directory(path: str) -> pusher_pb2.PushDestination:
    """Versions below a directory."""
    return pusher_pb2.PushDestination(filesystem=pusher_pb2.PushDestination.Filesystem(base_directory=path))
