"""HR and NDCG as TFMA metrics over retrieved ids."""

from collections.abc import Iterable
from typing import Any

import apache_beam as beam
import numpy as np
from tensorflow_model_analysis.metrics import metric_types, metric_util

from dimerec_tf.metrics.ranking import hit_rate, ndcg

Sums = tuple[float, float]


class _RankMetric(metric_types.Metric):
    """Averages a gain of the target's rank over examples; their weights count.

    The prediction is an ordered list of ids, '' past the end of the catalogue, and the label one id.
    """

    gain: str

    def __init__(self, top_k: int, name: str | None = None) -> None:
        super().__init__(
            metric_util.merge_per_key_computations(_computations),
            top_k=top_k,
            gain=self.gain,
            name=name or f"{self.gain}@{top_k}",
        )

    def get_config(self) -> dict[str, Any]:
        return {"top_k": self.kwargs["top_k"], "name": self.name}


class HitRate(_RankMetric):
    """HR@k: the share of examples with their target among the best k ids."""

    gain = "HR"


class NDCG(_RankMetric):
    """NDCG@k with one target each."""

    gain = "NDCG"


_GAINS = {"HR": hit_rate, "NDCG": ndcg}


def _computations(
    top_k: int,
    gain: str,
    name: str,
    eval_config: Any = None,
    model_name: str = "",
    output_name: str = "",
    sub_key: Any = None,
    aggregation_type: Any = None,
    class_weights: Any = None,
    example_weighted: bool = False,
) -> metric_types.MetricComputations:
    """What TFMA runs: one combiner for the metric's key; the arguments are TFMA's own."""
    key = metric_types.MetricKey(
        name=name,
        model_name=model_name,
        output_name=output_name,
        sub_key=sub_key,
        example_weighted=example_weighted,
    )
    combiner = RankGainCombiner(key, gain, top_k, eval_config)
    return [metric_types.MetricComputation(keys=[key], preprocessors=None, combiner=combiner)]


class RankGainCombiner(beam.CombineFn):
    """Sums a gain of the target's rank and the weights; sums of parts merge in any order."""

    def __init__(self, key: metric_types.MetricKey, gain: str, top_k: int, eval_config: Any = None) -> None:
        self.key = key
        self.gain = gain
        self.top_k = top_k
        self.eval_config = eval_config

    def create_accumulator(self) -> Sums:
        return 0.0, 0.0

    def add_input(self, sums: Sums, element: metric_types.StandardMetricInputs) -> Sums:
        label, prediction, weight = next(
            metric_util.to_label_prediction_example_weight(
                element,
                eval_config=self.eval_config,
                model_name=self.key.model_name,
                output_name=self.key.output_name,
                example_weighted=self.key.example_weighted,
                flatten=False,
                require_single_example_weight=True,
            )
        )
        gain = _GAINS[self.gain](np.array([[target_rank(label, prediction)]]), self.top_k)
        return sums[0] + float(weight) * gain, sums[1] + float(weight)

    def merge_accumulators(self, parts: Iterable[Sums]) -> Sums:
        gains, weights = zip(*parts, strict=True)
        return sum(gains), sum(weights)

    def extract_output(self, sums: Sums) -> dict[metric_types.MetricKey, float]:
        return {self.key: sums[0] / sums[1] if sums[1] else float("nan")}


def target_rank(label: np.ndarray, prediction: np.ndarray) -> float:
    """Where the label stands in the prediction, from 1; infinite if it does not.

    Args:
        label: one id, `[]` or `[1]`.
        prediction: ids `[max_k]`, best first.

    Raises:
        ValueError: there is no label, or more than one.
    """
    labels = np.ravel(label)
    if len(labels) != 1 or not labels[0]:
        raise ValueError(f"A retrieval metric needs exactly one target id as label, got {labels.tolist()!r}.")
    places = np.flatnonzero(np.ravel(prediction) == labels[0])
    return places[0] + 1.0 if len(places) else np.inf


metric_types.register_metric(HitRate)
metric_types.register_metric(NDCG)
