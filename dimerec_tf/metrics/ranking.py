"""Every accuracy metric derives from one array of ranks: the places of each case's targets, 1 for the best."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

# [cases, most targets of a case]: infinite for a target that was not found, NaN past a case's last target.
Ranks = NDArray[np.float64]


def hit_rate(ranks: Ranks, k: int) -> float:
    """HR@k: the share of cases with a target among the best k."""
    return float(np.mean((ranks <= k).any(axis=1)))


def recall(ranks: Ranks, k: int) -> float:
    """Recall@k: the share of a case's targets among the best k, averaged; with one target each it is HR@k."""
    return float(np.mean((ranks <= k).sum(axis=1) / _num_targets(ranks)))


def ndcg(ranks: Ranks, k: int) -> float:
    """NDCG@k, averaged over cases."""
    return float(np.mean(ndcg_by_case(ranks, k)))


def ndcg_by_case(ranks: Ranks, k: int) -> NDArray[np.float64]:
    """The sum of 1/log2(1 + rank) of the targets within the best k, over what it would be were they all on top.

    Returns:
        `[cases]`; with one target 1/log2(1 + rank) itself.
    """
    gains = np.where(ranks <= k, 1 / np.log2(1 + ranks), 0.0).sum(axis=1)
    ideal = np.cumsum(1 / np.log2(1 + np.arange(1.0, k + 1)))
    return gains / ideal[np.minimum(_num_targets(ranks), k) - 1]


def reciprocal_rank(ranks: Ranks, k: int) -> float:
    """MRR@k: 1/rank of the best target within the best k, else 0, averaged."""
    return float(np.mean(np.where(ranks <= k, 1 / ranks, 0.0).max(axis=1)))


def summarise(ranks: Ranks, top_k: Iterable[int]) -> dict[str, float]:
    """HR, NDCG and MRR at each k, keyed `HR@10` and so on; Recall too if a case has several targets.

    Raises:
        ValueError: there are no ranks.
    """
    if not len(ranks):
        raise ValueError("There is no held-out example to measure.")
    metrics = {"HR": hit_rate, "NDCG": ndcg, "MRR": reciprocal_rank}
    if ranks.shape[1] > 1:
        metrics["Recall"] = recall
    return {f"{name}@{k}": metric(ranks, k) for k in top_k for name, metric in metrics.items()}


def _num_targets(ranks: Ranks) -> NDArray[np.int64]:
    return np.count_nonzero(~np.isnan(ranks), axis=1)
