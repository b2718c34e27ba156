"""Builds the indexes of a trained model."""

from typing import ClassVar

from tfx.dsl.components.base.base_component import BaseComponent
from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.types import BaseChannel, Channel, ComponentSpec
from tfx.types.component_spec import ChannelParameter, ExecutionParameter
from tfx.types.standard_artifacts import Examples, Model

from tfx_pipeline.artifacts import ItemIndex
from tfx_pipeline.components.index_builder.executor import Executor


class IndexBuilderSpec(ComponentSpec):
    """See `IndexBuilder`."""

    PARAMETERS: ClassVar = {"code_version": ExecutionParameter(type=str)}
    INPUTS: ClassVar = {"trained_model": ChannelParameter(type=Model), "examples": ChannelParameter(type=Examples)}
    OUTPUTS: ClassVar = {"model": ChannelParameter(type=Model), "index": ChannelParameter(type=ItemIndex)}


class IndexBuilder(BaseComponent):
    """Trains the indexes that `export.indexes` names, tunes and measures them.

    Its output `model` is what is served and pushed: the exact export as it was, and one with each index beside it.
    """

    SPEC_CLASS = IndexBuilderSpec
    EXECUTOR_SPEC = ExecutorClassSpec(Executor)

    def __init__(self, trained_model: BaseChannel, examples: BaseChannel, code_version: str) -> None:
        """Constructs the component.

        Args:
            trained_model: Trainer's, whose record says how to build.
            examples: ExampleGen's; indexes are tuned and measured on histories of the train split.
            code_version: part of the cache key.
        """
        spec = IndexBuilderSpec(
            trained_model=trained_model,
            examples=examples,
            code_version=code_version,
            model=Channel(type=Model),
            index=Channel(type=ItemIndex),
        )
        super().__init__(spec=spec)
