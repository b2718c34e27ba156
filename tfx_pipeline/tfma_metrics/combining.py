"""What the retrieval metrics have in common: one combiner each, over an example's targets and recommended ids."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import apache_beam as beam
import numpy as np
from numpy.typing import NDArray
from tensorflow_model_analysis.metrics import metric_types, metric_util


class Recommended(NamedTuple):
    """An example as a metric sees it.

    Attributes:
        targets: distinct ids `[targets]`, at least one.
        item_ids: the best k ids, best first, without the padding past the end of the catalogue, `[count]`.
        outputs: the model's other outputs for the same ids, `[count, ...]`, or for the example.
        weight: the example's.
    """

    targets: NDArray
    item_ids: NDArray
    outputs: dict[str, NDArray]
    weight: float


class RetrievalMetric(metric_types.Metric):
    """A metric of the best k ids.

    The label is one id or several, '' is padding. The prediction is an ordered list of ids, '' past the end of the
    catalogue: a model's only output, or the one that `ModelSpec.prediction_key` names.

    Args:
        top_k: k.
        name: `metric@k` unless given.
    """

    metric: str
    combiner: type["RecommendedCombiner"]

    def __init__(self, top_k: int, name: str | None = None) -> None:
        super().__init__(
            metric_util.merge_per_key_computations(_computations),
            top_k=top_k,
            combiner=self.combiner,
            name=name or f"{self.metric}@{top_k}",
        )

    def get_config(self) -> dict[str, Any]:
        return {"top_k": self.kwargs["top_k"], "name": self.name}


class RecommendedCombiner(beam.CombineFn):
    """Reads examples for a metric; what it adds up says a subclass."""

    def __init__(self, key: metric_types.MetricKey, top_k: int, eval_config: Any = None) -> None:
        self.key = key
        self.top_k = top_k
        self.eval_config = eval_config

    def read(self, element: metric_types.StandardMetricInputs) -> Recommended:
        """Takes the example apart.

        Raises:
            ValueError: there is no target.
        """
        label, prediction, weight = next(
            metric_util.to_label_prediction_example_weight(
                element,
                eval_config=self.eval_config,
                model_name=self.key.model_name,
                output_name=self.key.output_name,
                example_weighted=self.key.example_weighted,
                flatten=False,
                squeeze=False,
                require_single_example_weight=True,
            )
        )
        targets = np.array([target for target in dict.fromkeys(np.ravel(label).tolist()) if target])
        if not len(targets):
            raise ValueError(f"A retrieval metric needs a target id as label, got {np.ravel(label).tolist()!r}.")
        ids = np.ravel(prediction)[: self.top_k]
        outputs = element.prediction[self.key.model_name] if self.key.model_name else element.prediction
        return Recommended(targets, ids[ids.astype(bool)], outputs, float(np.ravel(weight)[0]))


class RatioCombiner(RecommendedCombiner):
    """A sum over a sum, both weighted by example; sums of parts merge in any order."""

    undefined = float("nan")

    def measure(self, example: Recommended) -> tuple[float, float]:
        """What an example adds above and below the line."""
        raise NotImplementedError

    def create_accumulator(self) -> tuple[float, float]:
        return 0.0, 0.0

    def add_input(self, sums: tuple[float, float], element: metric_types.StandardMetricInputs) -> tuple[float, float]:
        example = self.read(element)
        above, below = self.measure(example)
        return sums[0] + example.weight * above, sums[1] + example.weight * below

    def merge_accumulators(self, parts: Iterable[tuple[float, float]]) -> tuple[float, float]:
        above, below = zip(*parts, strict=True)
        return sum(above), sum(below)

    def extract_output(self, sums: tuple[float, float]) -> dict[metric_types.MetricKey, float]:
        return {self.key: sums[0] / sums[1] if sums[1] else self.undefined}


def _computations(
    top_k: int,
    combiner: type[RecommendedCombiner],
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
    return [metric_types.MetricComputation(keys=[key], preprocessors=None, combiner=combiner(key, top_k, eval_config))]
