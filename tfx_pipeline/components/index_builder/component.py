"""Builds the indexes of a trained model."""

from typing import ClassVar

from tfx.dsl.components.base.base_component import BaseComponent
from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.types import BaseChannel, Channel, ComponentSpec
from tfx.types.artifact import Artifact, Property, PropertyType
from tfx.types.component_spec import ChannelParameter, ExecutionParameter
from tfx.types.standard_artifacts import Examples, Model

from tfx_pipeline.components.index_builder.executor import Executor


class ItemIndex(Artifact):
    """Item vectors and trained indexes of them, without the model.

    `item_vectors.npy` float32 `[items, dim]`, `item_ids.txt` with an id for each of them, a SavedModel `ivf` or `scann`
    that finds ids for queries (see `ItemIndexModule`), and `index.json` with everything that is recorded of each.

    Properties:
        items: how many there are.
        catalogue_sha256: of `item_ids.txt`.
        target_recall: what the indexes are tuned to, `export.target_recall`.
        recall: what was measured, the lowest of the indexes.
        build_seconds: of all indexes.
        bytes: on disk.
    """

    TYPE_NAME = "ItemIndex"
    PROPERTIES: ClassVar = {
        "items": Property(type=PropertyType.INT),
        "catalogue_sha256": Property(type=PropertyType.STRING),
        "target_recall": Property(type=PropertyType.FLOAT),
        "recall": Property(type=PropertyType.FLOAT),
        "build_seconds": Property(type=PropertyType.FLOAT),
        "bytes": Property(type=PropertyType.INT),
    }


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
