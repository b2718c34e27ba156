"""A ScaNN index through the TFRS layer; the SavedModel needs ScaNN's op library to load."""

import numpy as np
import tensorflow as tf
import tensorflow_recommenders as tfrs

from dimerec_tf.retrieval.approximate import EXHAUSTIVE_BELOW


class ScannIndex(tf.Module):
    """See `Index`.

    Args:
        item_vectors: `[num_items, dim]`, at least 2 of them; vector j is that of item row j + 1.
        num_candidates: how many items it proposes.
        leaves: partitions of the index.
        leaves_to_search: how many of them a query visits.
    """

    def __init__(self, item_vectors: tf.Tensor, num_candidates: int, leaves: int, leaves_to_search: int) -> None:
        super().__init__(name="scann")
        num_items = item_vectors.shape[0]
        self.num_candidates = num_candidates
        self.settings = {"leaves": leaves, "leaves_to_search": leaves_to_search}
        self.searcher = tfrs.layers.factorized_top_k.ScaNN(
            k=num_candidates,
            num_leaves=leaves,
            num_leaves_to_search=leaves_to_search,
            num_reordering_candidates=num_items if num_items < EXHAUSTIVE_BELOW else 4 * num_candidates,
        )
        self.searcher.index(item_vectors, tf.range(1, num_items + 1, dtype=tf.int64))

    def candidates(self, queries: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """See `Index`."""
        found = self.searcher(queries)
        missing = [[0, 0], [0, self.num_candidates - tf.shape(found[0])[1]]]
        scores, rows = (tf.pad(part, missing) for part in found)
        return tf.where(tf.math.is_finite(scores) & (rows > 0), scores, -np.inf), rows
