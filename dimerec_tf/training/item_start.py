"""Where the item table starts: random vectors, moved towards what training sequences say before any step."""

import numpy as np
import scipy.sparse as sparse
from numpy.typing import NDArray
from sklearn.utils.extmath import randomized_svd

from dimerec_tf.training.sequences import Sequences
from dimerec_tf.training.transitions import cooccurrences

WINDOW = 10
SHARE = 0.7


def start_by_transitions(table: NDArray[np.float32], sequences: Sequences, seed: int) -> NDArray[np.float32]:
    """Moves random item vectors towards unit vectors that are near each other where items occur near each other.

    These are the leading left singular vectors, times the roots of their singular values, of D^-1/2 (C + C^T) D^-1/2:
    C counts transitions within 10 events, weighed by 1/distance, and D is diagonal with the row sums. Seven tenths
    of them are added to three tenths of the random vector; an item without transitions keeps its own.

    Args:
        table: `[num_items + 1, dim]`, the random start.
        sequences: training sequences of item rows.
        seed: of the decomposition, which is a randomised one.
    """
    rows, dim = table.shape
    counts = cooccurrences(sequences, rows - 1, WINDOW)
    sums = counts.sum(axis=1).A1
    known = sums > 0
    scale = sparse.diags(np.power(sums, -0.5, out=np.zeros(rows), where=known))
    vectors, values, _ = randomized_svd(scale @ counts @ scale, min(dim, rows), random_state=seed)
    vectors *= np.sqrt(values)
    vectors[known] /= np.maximum(np.linalg.norm(vectors[known], axis=1, keepdims=True), 1e-6)
    moved = table.copy()
    moved[known] *= 1 - SHARE
    moved[known, : vectors.shape[1]] += SHARE * vectors[known]
    return moved
