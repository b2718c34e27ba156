"""A ScaNN index through the TFRS layer; the SavedModel needs ScaNN's op library to load."""

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from dimerec_tf.retrieval.approximate import EXHAUSTIVE_BELOW, certain_share, exact_rows, shares_found
from dimerec_tf.scann_library import recommenders, scann_module

scann_ops = scann_module("scann.scann_ops.py.scann_ops")
tfrs = recommenders()

FIRST_SHARE = 128  # of the leaves, where the search for their number begins
MIN_LEAVES = 2  # with all items in one, it may answer with one item only
MIN_REORDERED = 2000  # with fewer, codes of two dimensions lose near neighbours whatever the number of leaves


class ScannIndex(tf.Module):
    """See `Index`.

    Args:
        item_vectors: `[num_items, dim]`, at least 2 of them; vector j is that of item row j + 1.
        num_candidates: how many items it proposes.
        leaves: partitions of the index, of which there are at least 2; None for twice the square root of the number of
            items, and for as few as can be below 20,000 items.
        leaves_to_search: how many of them a query visits.
    """

    def __init__(
        self, item_vectors: NDArray[np.float32], num_candidates: int, leaves: int | None, leaves_to_search: int = 1
    ) -> None:
        super().__init__(name="scann")
        num_items = len(item_vectors)
        self.num_candidates = num_candidates
        self.leaves = max(default_leaves(num_items) if leaves is None else leaves, MIN_LEAVES)
        self.leaves_to_search = leaves_to_search
        layer = tfrs.layers.factorized_top_k.ScaNN(
            k=num_candidates,
            num_leaves=self.leaves,
            num_leaves_to_search=leaves_to_search,
            num_reordering_candidates=(
                num_items if num_items < EXHAUSTIVE_BELOW else max(4 * num_candidates, MIN_REORDERED)
            ),
        )
        layer.index(tf.constant(item_vectors))
        # The layer's own call searches as many leaves as it was built with: to tune them it would be built again.
        self.state = layer._serialized_searcher

    @property
    def settings(self) -> dict[str, int]:
        """See `Index`."""
        return {"leaves": self.leaves, "leaves_to_search": self.leaves_to_search}

    def tune(self, queries: NDArray[np.float32], item_vectors: NDArray[np.float32], k: int, recall: float) -> None:
        """See `Index`: a 128th of the leaves, at least 2, and twice as many until the recall is there."""
        best = exact_rows(queries, item_vectors, k)
        self.leaves_to_search = max(self.leaves // FIRST_SHARE, MIN_LEAVES)
        while self.leaves_to_search < self.leaves and self._found(queries, best) < recall:
            self.leaves_to_search = min(2 * self.leaves_to_search, self.leaves)

    def candidates(self, queries: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """See `Index`."""
        searcher = scann_ops.searcher_from_module(self.state)
        found = searcher.search_batched_parallel(
            queries, final_num_neighbors=self.num_candidates, leaves_to_search=self.leaves_to_search
        )
        missing = [[0, 0], [0, self.num_candidates - tf.shape(found.indices)[1]]]
        scores, rows = tf.pad(found.distances, missing), tf.pad(tf.cast(found.indices, tf.int64) + 1, missing)
        return tf.where(tf.math.is_finite(scores) & (rows > 0), scores, -np.inf), rows

    def _found(self, queries: NDArray[np.float32], best: NDArray[np.int64]) -> float:
        return certain_share(shares_found(self.candidates(tf.constant(queries))[1].numpy(), best))


def default_leaves(num_items: int) -> int:
    """One leaf, which is an exact search, below 20,000 items; twice the square root of their number above."""
    return 1 if num_items < EXHAUSTIVE_BELOW else 2 * int(num_items**0.5)
