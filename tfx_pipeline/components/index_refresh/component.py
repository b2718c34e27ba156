"""Puts new and withdrawn items into the index of the model that is live, without training."""

from typing import ClassVar

from tfx.dsl.components.base.base_component import BaseComponent
from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.types import BaseChannel, Channel, ComponentSpec
from tfx.types.component_spec import ChannelParameter, ExecutionParameter
from tfx.types.standard_artifacts import Examples, PushedModel

from tfx_pipeline.components.index_refresh.executor import Executor


class IndexRefreshSpec(ComponentSpec):
    """See `IndexRefresh`."""

    PARAMETERS: ClassVar = {
        "serving_dir": ExecutionParameter(type=str),
        "withdrawn": ExecutionParameter(type=str),
        "new_items": ExecutionParameter(type=str),
        "run_id": ExecutionParameter(type=str),
    }
    INPUTS: ClassVar = {"examples": ChannelParameter(type=Examples)}
    OUTPUTS: ClassVar = {"pushed_model": ChannelParameter(type=PushedModel)}


class IndexRefresh(BaseComponent):
    """Writes the next version of a model, see `dimerec_tf.export.refresh`."""

    SPEC_CLASS = IndexRefreshSpec
    EXECUTOR_SPEC = ExecutorClassSpec(Executor)

    def __init__(self, examples: BaseChannel, serving_dir: str, withdrawn: str, new_items: str, run_id: str) -> None:
        """Constructs the component.

        Args:
            examples: ExampleGen's; indexes are tuned and measured on histories of the train split.
            serving_dir: its newest version is refreshed, and gets a successor there; those with an index lie in its
                neighbours, as Pusher has put them.
            withdrawn: a file of item ids, one a line; '' for none.
            new_items: a file of `NewItem`, one JSON object a line; '' for none.
            run_id: differs with every run, so that the step always looks at what is live.
        """
        spec = IndexRefreshSpec(
            examples=examples,
            serving_dir=serving_dir,
            withdrawn=withdrawn,
            new_items=new_items,
            run_id=run_id,
            pushed_model=Channel(type=PushedModel),
        )
        super().__init__(spec=spec)
