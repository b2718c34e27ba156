"""What the Evaluator measures and when it blesses, from our configuration to TFMA's."""

import tensorflow_model_analysis as tfma
from google.protobuf.wrappers_pb2 import BoolValue

from dimerec_tf.config import ConfigError
from dimerec_tf.config_evaluation import SLICE_NAMES, EvaluationConfig, SliceThresholds
from dimerec_tf.features import TARGET
from tfx_pipeline.tfma_metrics import retrieval

TEST_SPLIT = "test"
BLESSING_METRIC = "HR@10"


def evaluation_config(evaluation: EvaluationConfig, judge: bool) -> tfma.EvalConfig:
    """HR and NDCG at each k over the full catalogue, overall and by slice.

    Args:
        evaluation: cut-offs and thresholds.
        judge: whether the thresholds decide on a blessing; floors are only measured.

    Raises:
        ConfigError: lists are to be diverse, for which served ones are asked request by request.
    """
    if evaluation.diversity_weight:
        raise ConfigError(
            f"A pipeline evaluates the lists that are served by default: evaluation.diversity_weight "
            f"{evaluation.diversity_weight} is for `dimerec bench` only."
        )
    metrics = []
    for k in evaluation.top_k:
        for metric in (retrieval.HitRate(top_k=k), retrieval.NDCG(top_k=k)):
            metrics.append(
                tfma.MetricConfig(
                    class_name=type(metric).__name__,
                    module=retrieval.__name__,
                    config=f'{{"top_k": {k}, "name": "{metric.name}"}}',
                    per_slice_thresholds=_thresholds(evaluation) if judge and metric.name == BLESSING_METRIC else [],
                )
            )
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
        metrics_specs=[tfma.MetricsSpec(metrics=metrics)],
        slicing_specs=[tfma.SlicingSpec(), *(tfma.SlicingSpec(feature_keys=[name]) for name in SLICE_NAMES)],
        options=tfma.Options(include_default_metrics=BoolValue(value=False)),
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
