"""Every accuracy metric derives from one tensor of ranks: the place of each target, 1 for the best."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

Ranks = NDArray[np.float64]


def hit_rate(ranks: Ranks, k: int) -> float:
    """HR@k: the share of targets among the best k; ranks `[examples]`, infinite for a target that was not found."""
    return float(np.mean(ranks <= k))


def ndcg(ranks: Ranks, k: int) -> float:
    """NDCG@k with one target each: 1/log2(1 + rank) within the best k, else 0."""
    return float(np.mean(np.where(ranks <= k, 1 / np.log2(1 + ranks), 0.0)))


def reciprocal_rank(ranks: Ranks, k: int) -> float:
    """MRR@k: 1/rank within the best k, else 0, averaged."""
    return float(np.mean(np.where(ranks <= k, 1 / ranks, 0.0)))


def summarise(ranks: Ranks, top_k: Iterable[int]) -> dict[str, float]:
    """HR, NDCG and MRR at each k, keyed `HR@10` and so on.

    Raises:
        ValueError: there are no ranks.
    """
    if not len(ranks):
        raise ValueError("There is no held-out example to measure.")
    return {f"{name}@{k}": metric(ranks, k) for k in top_k for name, metric in METRICS.items()}


METRICS = {"HR": hit_rate, "NDCG": ndcg, "MRR": reciprocal_rank}
