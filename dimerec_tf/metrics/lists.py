"""What recommended lists are like beyond accuracy: from the rows that each user got, `[users, k]`, 0 past the end."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]
Counts = NDArray[np.int64]
LISTS_AT_ONCE = 256


def coverage(rows: Rows, num_items: int) -> float:
    """The share of the catalogue that at least one user got."""
    return len(np.unique(rows[rows > 0])) / num_items


def novelty(rows: Rows, counts: Counts) -> float:
    """Mean self-information in bits, -log2 of the share of training events; an item without events counts as one.

    Args:
        rows: `[users, k]`.
        counts: `[num_items + 1]`, training events of each row.
    """
    share = np.maximum(counts, 1) / counts[1:].sum()
    return float(np.mean(-np.log2(share[rows[rows > 0]])))


def popularity_bias(rows: Rows, counts: Counts) -> float:
    """Mean training events of what is recommended over those of an average item: 1 is no bias."""
    return float(np.mean(counts[rows[rows > 0]]) / np.mean(counts[1:]))


def category_count(rows: Rows, categories: NDArray[np.bool_]) -> float:
    """Mean number of different categories in a list.

    Args:
        rows: `[users, k]`.
        categories: `[num_items + 1, categories]`, all false for padding.
    """
    return float(np.mean(np.concatenate([categories[part].any(axis=1).sum(axis=1) for part in _parts(rows)])))


def intra_list_diversity(rows: Rows, categories: NDArray[np.bool_]) -> float:
    """Mean Jaccard distance of the categories of two items of a list; pairs in which neither has any are left out."""
    upper = np.triu(np.ones([rows.shape[1]] * 2, bool), 1)
    distances, pairs = 0.0, 0
    for part in _parts(rows):
        members, filled = categories[part].astype(np.float32), part > 0
        shared = np.einsum("uic,ujc->uij", members, members)
        sizes = members.sum(axis=2)
        union = sizes[:, :, np.newaxis] + sizes[:, np.newaxis, :] - shared
        counted = upper & filled[:, :, np.newaxis] & filled[:, np.newaxis, :] & (union > 0)
        distances += float(np.sum(1 - shared[counted] / union[counted], dtype=np.float64))
        pairs += np.count_nonzero(counted)
    return distances / pairs if pairs else 0.0


def summarise_lists(
    rows: Rows, counts: Counts, top_k: tuple[int, ...], categories: NDArray[np.bool_] | None = None
) -> dict[str, float]:
    """Every metric above at each k, keyed `coverage@10` and so on; those of categories where items have them."""
    values: dict[str, float] = {}
    for k in top_k:
        best = rows[:, :k]
        metrics: dict[str, Any] = {
            "coverage": coverage(best, len(counts) - 1),
            "novelty": novelty(best, counts),
            "popularity_bias": popularity_bias(best, counts),
        }
        if categories is not None:
            metrics["categories"] = category_count(best, categories)
            metrics["diversity"] = intra_list_diversity(best, categories)
        values.update({f"{name}@{k}": value for name, value in metrics.items()})
    return values


def _parts(rows: Rows) -> list[Rows]:
    """So many lists at a time that their categories fit in memory."""
    return [rows[start : start + LISTS_AT_ONCE] for start in range(0, len(rows), LISTS_AT_ONCE)]
