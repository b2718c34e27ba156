"""What the Evaluator measures and when it blesses, from our configuration to TFMA's."""

import json

import tensorflow_model_analysis as tfma
from google.protobuf.wrappers_pb2 import BoolValue
from tensorflow_model_analysis.metrics.example_count import ExampleCount
from tensorflow_model_analysis.metrics.metric_types import Metric

from dimerec_tf.config import ConfigError
from dimerec_tf.config_evaluation import SLICE_NAMES, EvaluationConfig, SliceThresholds
from dimerec_tf.features import TARGET
from tfx_pipeline.tfma_metrics.lists import CategoryCount, Coverage, Diversity, Novelty, PopularityBias
from tfx_pipeline.tfma_metrics.retrieval import MRR, NDCG, HitRate

METRICS = (HitRate, NDCG, MRR, Coverage, Novelty, PopularityBias)
OF_CATEGORIES = (CategoryCount, Diversity)
SLICES = (*SLICE_NAMES, "time")
TEST_SPLIT = "test"
BLESSING_METRIC = "HR@10"


def evaluation_config(evaluation: EvaluationConfig, judge: bool, categories: bool) -> tfma.EvalConfig:
    """Accuracy over the full catalogue and what the lists are like, at each k, overall and by slice.

    Intervals are TFMA's: a jackknife over ten random parts of the examples.

    Args:
        evaluation: cut-offs and thresholds.
        judge: whether the thresholds decide on a blessing; floors are only measured.
        categories: whether items have any.

    Raises:
        ConfigError: lists are to be diverse, for which served ones are asked request by request.
    """
    if evaluation.diversity_weight:
        raise ConfigError(
            f"A pipeline evaluates the lists that are served by default: evaluation.diversity_weight "
            f"{evaluation.diversity_weight} is for `dimerec bench` only."
        )
    thresholds = _thresholds(evaluation) if judge else []
    kinds = (*METRICS, *OF_CATEGORIES) if categories else METRICS
    slices = (*SLICES, "category") if categories else SLICES
    metrics = [ExampleCount(), *(kind(top_k=k) for k in evaluation.top_k for kind in kinds)]
    return tfma.EvalConfig(
        model_specs=[
            tfma.ModelSpec(
                model_type=tfma.constants.TF_GENERIC,
                signature_name="evaluate",
                label_key=TARGET,
                prediction_key="topk_item_id",
                preprocessing_function_names=["slices"],
            )
        ],
        metrics_specs=[
            tfma.MetricsSpec(
                metrics=[_metric(metric, thresholds if metric.name == BLESSING_METRIC else []) for metric in metrics]
            )
        ],
        slicing_specs=[tfma.SlicingSpec(), *(tfma.SlicingSpec(feature_keys=[name]) for name in slices)],
        options=tfma.Options(
            include_default_metrics=BoolValue(value=False),
            compute_confidence_intervals=BoolValue(value=True),
            confidence_intervals=tfma.ConfidenceIntervalOptions(method=tfma.ConfidenceIntervalOptions.JACKKNIFE),
        ),
    )


def _metric(metric: Metric, thresholds: list[tfma.PerSliceMetricThreshold]) -> tfma.MetricConfig:
    return tfma.MetricConfig(
        class_name=type(metric).__name__,
        module=type(metric).__module__,
        config=json.dumps(metric.get_config()),
        per_slice_thresholds=thresholds,
    )


def _thresholds(evaluation: EvaluationConfig) -> list[tfma.PerSliceMetricThreshold]:
    """Overall and for each configured slice."""
    return [
        _threshold(tfma.SlicingSpec(), evaluation),
        *(_threshold(tfma.SlicingSpec(feature_values={part.feature: part.value}), part) for part in evaluation.slices),
    ]


def _threshold(slicing: tfma.SlicingSpec, limits: EvaluationConfig | SliceThresholds) -> tfma.PerSliceMetricThreshold:
    """An absolute floor and no more than a given drop against the last blessed model, on one slice."""
    return tfma.PerSliceMetricThreshold(
        slicing_specs=[slicing],
        threshold=tfma.MetricThreshold(
            value_threshold=tfma.GenericValueThreshold(lower_bound={"value": limits.min_hit_rate_at_10}),
            change_threshold=tfma.GenericChangeThreshold(
                direction=tfma.MetricDirection.HIGHER_IS_BETTER, absolute={"value": -limits.max_drop_at_10}
            ),
        ),
    )
