"""Controllable aggregation: trades scores of a list against the variety of its categories (arXiv 2005.09347, 3.4)."""

import numpy as np
from numpy.typing import NDArray


def aggregate(scores: NDArray[np.floating], categories: NDArray[np.bool_], weight: float, k: int) -> NDArray[np.int64]:
    """Greedy maximum of the sum of scores plus `weight` for each pair of chosen items without a common category.

    One after the other the item is chosen that adds most; of equals the first. The paper's greedy inference.

    Args:
        scores: candidates' scores `[n]`, best first.
        categories: which categories each has, `[n, categories]`; an item without any differs from all others.
        weight: lambda of the paper; 0 leaves the order as it is.
        k: how many are chosen.

    Returns:
        Positions among the candidates `[min(k, n)]`, in the order in which they were chosen.
    """
    members = categories.astype(np.float32)
    differs = members @ members.T == 0
    gains = scores.astype(np.float64)
    chosen = np.empty(min(k, len(scores)), np.int64)
    for place in range(len(chosen)):
        best = int(np.argmax(gains))
        chosen[place] = best
        gains += weight * differs[best]
        gains[best] = -np.inf
    return chosen


def aggregate_lists(
    scores: NDArray[np.floating],
    rows: NDArray[np.int64],
    categories: NDArray[np.bool_],
    weight: float,
    k: int,
) -> NDArray[np.int64]:
    """`aggregate` for each of many lists of retrieved items.

    Args:
        scores: `[lists, candidates]`, best first.
        rows: item rows `[lists, candidates]`, 0 past the end of the catalogue.
        categories: `[num_items + 1, categories]`.
        weight: as for `aggregate`.
        k: the length of the new lists.

    Returns:
        Item rows `[lists, k]`, 0 where candidates ran out.
    """
    lists = np.zeros([len(rows), k], np.int64)
    for place, (own_scores, own_rows) in enumerate(zip(scores, rows, strict=True)):
        candidates = own_rows[own_rows > 0]
        chosen = aggregate(own_scores[own_rows > 0], categories[candidates], weight, k)
        lists[place, : len(chosen)] = candidates[chosen]
    return lists
