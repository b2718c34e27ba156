"""HR, Recall, NDCG and MRR as TFMA metrics over retrieved ids, with one target or several."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from tensorflow_model_analysis.metrics import metric_types

from dimerec_tf.metrics.ranking import Ranks, hit_rate, ndcg, recall, reciprocal_rank
from tfx_pipeline.tfma_metrics.combining import RatioCombiner, Recommended, RetrievalMetric


class _GainCombiner(RatioCombiner):
    """The mean gain of an example's ranks."""

    gain: Callable[[Ranks, int], float]

    def measure(self, example: Recommended) -> tuple[float, float]:
        ranks = target_ranks(example.targets, example.item_ids)
        return self.gain(ranks[np.newaxis], self.top_k), 1.0


class _HitRateCombiner(_GainCombiner):
    gain = staticmethod(hit_rate)


class _RecallCombiner(_GainCombiner):
    gain = staticmethod(recall)


class _NDCGCombiner(_GainCombiner):
    gain = staticmethod(ndcg)


class _MRRCombiner(_GainCombiner):
    gain = staticmethod(reciprocal_rank)


class HitRate(RetrievalMetric):
    """HR@k: the share of examples with a target among the best k ids."""

    metric = "HR"
    combiner = _HitRateCombiner


class Recall(RetrievalMetric):
    """Recall@k: the share of an example's targets among the best k ids, averaged; with one target each it is HR@k."""

    metric = "Recall"
    combiner = _RecallCombiner


class NDCG(RetrievalMetric):
    """NDCG@k: over that of the best order where there are several targets."""

    metric = "NDCG"
    combiner = _NDCGCombiner


class MRR(RetrievalMetric):
    """MRR@k: 1/rank of the best target among the best k ids, else 0, averaged."""

    metric = "MRR"
    combiner = _MRRCombiner


def target_ranks(targets: NDArray, item_ids: NDArray) -> NDArray[np.float64]:
    """The place of each target, from 1; infinite for one that is not among the ids.

    Args:
        targets: distinct ids `[targets]`.
        item_ids: `[count]`, best first.
    """
    places = {item: place for place, item in reversed(list(enumerate(item_ids.tolist(), start=1)))}
    return np.array([places.get(target, np.inf) for target in targets.tolist()])


for _metric in (HitRate, Recall, NDCG, MRR):
    metric_types.register_metric(_metric)
