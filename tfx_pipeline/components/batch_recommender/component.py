"""Recommends for every user of the log at once, for those who look answers up instead of asking a server."""

from typing import ClassVar

from tfx.dsl.components.base.base_beam_component import BaseBeamComponent
from tfx.dsl.components.base.executor_spec import BeamExecutorSpec
from tfx.types import BaseChannel, Channel, ComponentSpec
from tfx.types.component_spec import ChannelParameter, ExecutionParameter
from tfx.types.standard_artifacts import Examples, Model, PushedModel

from dimerec_tf.config_pipeline_steps import BatchRecommenderConfig
from tfx_pipeline.artifacts import Recommendations
from tfx_pipeline.components.batch_recommender.executor import Executor


class BatchRecommenderSpec(ComponentSpec):
    """See `BatchRecommender`."""

    PARAMETERS: ClassVar = {
        "settings": ExecutionParameter(type=str),
        "code_version": ExecutionParameter(type=str),
    }
    INPUTS: ClassVar = {
        "examples": ChannelParameter(type=Examples),
        "model": ChannelParameter(type=Model),
        "pushed_model": ChannelParameter(type=PushedModel),
    }
    OUTPUTS: ClassVar = {"recommendations": ChannelParameter(type=Recommendations)}


class BatchRecommender(BaseBeamComponent):
    """Writes the best items for every user, by the model that was pushed."""

    SPEC_CLASS = BatchRecommenderSpec
    EXECUTOR_SPEC = BeamExecutorSpec(Executor)

    def __init__(
        self,
        examples: BaseChannel,
        model: BaseChannel,
        pushed_model: BaseChannel,
        settings: BatchRecommenderConfig,
        code_version: str,
    ) -> None:
        """Constructs the component.

        Args:
            examples: ExampleGen's, which hold every user's events.
            model: Trainer's.
            pushed_model: Pusher's; nothing is recommended by a model that it did not push.
            settings: how many items, and how they are written.
            code_version: part of the cache key.
        """
        spec = BatchRecommenderSpec(
            examples=examples,
            model=model,
            pushed_model=pushed_model,
            settings=settings.model_dump_json(),
            code_version=code_version,
            recommendations=Channel(type=Recommendations),
        )
        super().__init__(spec=spec)
