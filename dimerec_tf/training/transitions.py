"""Which item follows which in training, counted alike for the rules and for where items start."""

import numpy as np
import scipy.sparse as sparse
from numpy.typing import NDArray

from dimerec_tf.training.sequences import Sequences


def count_transitions(
    sequences: Sequences, num_items: int, window: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Adds up 1/d for each pair of events at a distance d of at most `window` (1 = directly after).

    Returns:
        Item rows that come before, item rows that follow, and their sums, three arrays `[pairs]`, sorted by both rows.
    """
    rows = sequences.rows.astype(np.int64)
    owner = np.repeat(np.arange(len(sequences)), np.diff(sequences.splits))
    pairs, counts = [], []
    for distance in range(1, window + 1):
        together = owner[:-distance] == owner[distance:]
        before, after = rows[:-distance][together], rows[distance:][together]
        pairs.append(before * (num_items + 1) + after)
        counts.append(np.full(len(before), 1 / distance))
    keys, inverse = np.unique(np.concatenate(pairs), return_inverse=True)
    sources, followers = np.divmod(keys, num_items + 1)
    return sources, followers, np.bincount(inverse, np.concatenate(counts), len(keys)).astype(np.float64)


def cooccurrences(sequences: Sequences, num_items: int, window: int) -> sparse.csr_matrix:
    """The same sums in both directions: symmetric, `[num_items + 1, num_items + 1]`."""
    sources, followers, totals = count_transitions(sequences, num_items, window)
    counts = sparse.csr_matrix((totals, (sources, followers)), (num_items + 1, num_items + 1))
    return counts + counts.T
