"""Which item follows which in training, counted once for the rules and for the start of the item table."""

import numpy as np
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
