"""Stands in for InfraValidator where there is no Docker: serves a model and judges how it answers."""

import importlib
from typing import ClassVar

from tfx.dsl.components.base.base_component import BaseComponent
from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.types import BaseChannel, Channel, ComponentSpec
from tfx.types.component_spec import ChannelParameter, ExecutionParameter
from tfx.types.standard_artifacts import Examples, InfraBlessing, Model

from dimerec_tf.code_version import code_version as code_version_of
from dimerec_tf.config import Config
from dimerec_tf.export.servable import MODULE
from tfx_pipeline.components.serving_check.executor import Executor


class ServingCheckSpec(ComponentSpec):
    """See `ServingCheck`."""

    PARAMETERS: ClassVar = {
        "model_name": ExecutionParameter(type=str),
        "k": ExecutionParameter(type=int),
        "limits": ExecutionParameter(type=str),
        "code_version": ExecutionParameter(type=str),
    }
    INPUTS: ClassVar = {"model": ChannelParameter(type=Model), "examples": ChannelParameter(type=Examples)}
    OUTPUTS: ClassVar = {"blessing": ChannelParameter(type=InfraBlessing)}


class ServingCheck(BaseComponent):
    """Loads a model and its indexes in `dimerec serve` and blesses it if it stands `ServingCheckConfig`.

    Its output `blessing` is what Pusher takes as `infra_blessing`.
    """

    SPEC_CLASS = ServingCheckSpec
    EXECUTOR_SPEC = ExecutorClassSpec(Executor)

    def __init__(self, model: BaseChannel, examples: BaseChannel, config: Config, code_version: str) -> None:
        """Constructs the component.

        Args:
            model: Trainer's.
            examples: ExampleGen's; requests ask after histories of its test split.
            config: `steps.serving_check` has the limits; `k` is `export.default_k`.
            code_version: of the pipeline; part of the cache key, as is the server's.
        """
        spec = ServingCheckSpec(
            model=model,
            examples=examples,
            model_name=config.name,
            k=config.export.default_k,
            limits=config.steps.serving_check.model_dump_json(),
            code_version=f"{code_version}-{_server_version()}",
            blessing=Channel(type=InfraBlessing),
        )
        super().__init__(spec=spec)


def _server_version() -> str:
    """Of the files of the server's package, of which nothing is run."""
    return code_version_of(importlib.import_module(MODULE.partition(".")[0]))
