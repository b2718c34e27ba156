"""Partitions item vectors into leaves of nearly one size."""

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import MiniBatchKMeans

LEAVES_IN_GROUP = 8
SEED = 0


def equal_leaves(vectors: NDArray[np.float32], size: int) -> list[NDArray[np.int64]]:
    """Groups items by k-means, then halves each group across its longest direction until its parts fit.

    Args:
        vectors: `[num_items, dim]`.
        size: the most items of a leaf; the leaves of a group have the same number, give or take one.

    Returns:
        Positions in `vectors`, those of each leaf; every item is in one of them and none is empty.
    """
    groups = len(vectors) // (size * LEAVES_IN_GROUP)
    if groups < 2:
        return _halved(vectors, np.arange(len(vectors)), size)
    means = MiniBatchKMeans(groups, batch_size=4096, n_init=1, random_state=SEED).fit(vectors)
    order = np.argsort(means.labels_, kind="stable")
    ends = np.searchsorted(means.labels_[order], np.arange(groups), side="right")
    filled = [items for items in np.split(order, ends[:-1]) if len(items)]
    return [leaf for items in filled for leaf in _halved(vectors, items, size)]


def _halved(vectors: NDArray[np.float32], items: NDArray[np.int64], size: int) -> list[NDArray[np.int64]]:
    parts = -(-len(items) // size)
    if parts == 1:
        return [items]
    own = vectors[items] - vectors[items].mean(axis=0)
    longest = np.linalg.eigh(own.T @ own)[1][:, -1]
    left = len(items) * (parts // 2) // parts
    order = np.argpartition(own @ longest, left)
    return [leaf for half in (order[:left], order[left:]) for leaf in _halved(vectors, items[half], size)]
