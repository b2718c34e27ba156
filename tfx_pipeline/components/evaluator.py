"""TFX's Evaluator, for a baseline that may not be there."""

from typing import Any

from tfx.components.evaluator.component import Evaluator as TFXEvaluator
from tfx.components.evaluator.executor import Executor as TFXExecutor
from tfx.dsl.components.base.executor_spec import BeamExecutorSpec
from tfx.dsl.io import fileio
from tfx.types.artifact import Artifact
from tfx.types.standard_component_specs import BASELINE_MODEL_KEY
from tfx.utils import path_utils

from tfx_pipeline.tfma_metrics import retrieval  # noqa: F401 - registers HR and our NDCG in a process of the step's own


class Executor(TFXExecutor):
    """Leaves an empty baseline out, which is what a step gives that found no model."""

    def Do(
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """As TFX's; without a baseline only the absolute thresholds decide."""
        baselines = input_dict.get(BASELINE_MODEL_KEY, [])
        present = [model for model in baselines if fileio.exists(path_utils.serving_model_path(model.uri))]
        super().Do({**input_dict, BASELINE_MODEL_KEY: present}, output_dict, exec_properties)


class Evaluator(TFXEvaluator):
    """See `Executor`."""

    EXECUTOR_SPEC = BeamExecutorSpec(Executor)
