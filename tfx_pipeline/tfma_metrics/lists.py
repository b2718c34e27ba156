"""Coverage, novelty, popularity bias and diversity as TFMA metrics: what recommended lists are like beyond accuracy.

The same as `dimerec_tf.metrics.lists`, which has whole arrays. What is known about the ids comes beside them, as
further outputs of the model's signature:

- `topk_train_events` int64 `[k]`: how many training events each id has.
- `topk_categories` `[k, most]`: each id's categories by number or name, 0 or '' past the last.
- `catalogue_items` and `catalogue_train_events` int64 `[]`: how many items and training events there are.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tensorflow_model_analysis.metrics import metric_types

from tfx_pipeline.tfma_metrics.combining import RatioCombiner, Recommended, RecommendedCombiner, RetrievalMetric

EVENTS, CATEGORIES = "topk_train_events", "topk_categories"
ITEMS, ALL_EVENTS = "catalogue_items", "catalogue_train_events"

Covered = tuple[set, int]


class _CoverageCombiner(RecommendedCombiner):
    """The distinct ids so far, in memory, and the size of the catalogue."""

    def create_accumulator(self) -> Covered:
        return set(), 0

    def add_input(self, covered: Covered, element: metric_types.StandardMetricInputs) -> Covered:
        example = self.read(element)
        covered[0].update(example.item_ids.tolist())
        return covered[0], int(_output(example, ITEMS))

    def merge_accumulators(self, parts: Iterable[Covered]) -> Covered:
        ids, items = zip(*parts, strict=True)
        return set().union(*ids), max(items)

    def extract_output(self, covered: Covered) -> dict[metric_types.MetricKey, float]:
        return {self.key: len(covered[0]) / covered[1] if covered[1] else float("nan")}


class _NoveltyCombiner(RatioCombiner):
    def measure(self, example: Recommended) -> tuple[float, float]:
        bits = np.log2(_output(example, ALL_EVENTS)) - np.log2(np.maximum(_of_ids(example, EVENTS), 1))
        return float(np.sum(bits)), len(bits)


class _PopularityBiasCombiner(RatioCombiner):
    def measure(self, example: Recommended) -> tuple[float, float]:
        events = _of_ids(example, EVENTS)
        average = _output(example, ALL_EVENTS) / _output(example, ITEMS)
        return float(np.sum(events) / average), len(events)


class _CategoryCountCombiner(RatioCombiner):
    def measure(self, example: Recommended) -> tuple[float, float]:
        return _members(example).shape[1], 1.0


class _DiversityCombiner(RatioCombiner):
    undefined = 0.0

    def measure(self, example: Recommended) -> tuple[float, float]:
        members = _members(example).astype(np.int64)
        shared, sizes = members @ members.T, members.sum(axis=1)
        union = sizes[:, np.newaxis] + sizes - shared
        pairs = np.triu(union > 0, 1)
        return float(np.sum(1 - shared[pairs] / union[pairs])), np.count_nonzero(pairs)


class Coverage(RetrievalMetric):
    """The share of the catalogue that is in at least one list; weights do not count.

    It has no confidence interval: the fewer lists, the less they cover, which is what an interval would measure.
    """

    metric = "coverage"
    combiner = _CoverageCombiner

    @property
    def compute_confidence_interval(self) -> bool:
        return False


class Novelty(RetrievalMetric):
    """Mean self-information of a recommended id in bits, -log2 of its share of training events."""

    metric = "novelty"
    combiner = _NoveltyCombiner


class PopularityBias(RetrievalMetric):
    """Mean training events of a recommended id over those of an average item: 1 is no bias."""

    metric = "popularity_bias"
    combiner = _PopularityBiasCombiner


class CategoryCount(RetrievalMetric):
    """Mean number of different categories in a list."""

    metric = "categories"
    combiner = _CategoryCountCombiner


class Diversity(RetrievalMetric):
    """Mean Jaccard distance of the categories of two ids of a list; pairs in which neither has any are left out."""

    metric = "diversity"
    combiner = _DiversityCombiner


def _output(example: Recommended, name: str) -> Any:
    try:
        return example.outputs[name]
    except (KeyError, IndexError, TypeError) as error:
        raise ValueError(
            f"The model's signature gives no output {name!r} beside the recommended ids, which this metric needs."
        ) from error


def _of_ids(example: Recommended, name: str) -> NDArray:
    return _output(example, name)[: len(example.item_ids)]


def _members(example: Recommended) -> NDArray[np.bool_]:
    """Which of the list's ids have which of its categories, `[count, categories of the list]`."""
    own = np.asarray(_of_ids(example, CATEGORIES))
    return (own[:, :, np.newaxis] == np.unique(own[own.astype(bool)])).any(axis=1)


for _metric in (Coverage, Novelty, PopularityBias, CategoryCount, Diversity):
    metric_types.register_metric(_metric)
