"""A partitioned (inverted file) index in core TensorFlow ops: stock TF Serving loads it."""

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from dimerec_tf.retrieval.approximate import EXHAUSTIVE_BELOW, certain_share, exact_rows
from dimerec_tf.retrieval.leaves import equal_leaves

LEAF_SIZE = 256
ALIGNED_ROWS = 16  # a slice that starts at a multiple of them is not copied, whatever the dimension
SPREAD_WEIGHT = 0.3  # chosen on trained vectors: of 0, .3 and .5 it visits the fewest leaves for a recall of .98


class IvfIndex(tf.Module):
    """Scores the items of the leaves that agree most with a query, exactly. See `Index`.

    A leaf agrees with a query as much as its centre does, and more the further its items lie from the centre. Leaves
    have one size, so that each is a slice of one shape from the table of item vectors, which is kept in their order.

    Args:
        item_vectors: `[num_items, dim]`; vector j is that of item row j + 1.
        num_candidates: how many items it proposes.
        leaves: about how many partitions; None for leaves of 256 items, and for one leaf below 20,000 items.
        leaves_to_search: how many of them a query visits.
    """

    def __init__(
        self, item_vectors: NDArray[np.float32], num_candidates: int, leaves: int | None, leaves_to_search: int = 1
    ) -> None:
        super().__init__(name="ivf")
        self.num_candidates = num_candidates
        self.leaves_to_search = leaves_to_search
        self.leaf_size = _leaf_size(len(item_vectors), leaves)
        members = equal_leaves(item_vectors, self.leaf_size)
        centres = np.stack([item_vectors[items].mean(axis=0) for items in members])
        spread = [np.linalg.norm(item_vectors[items] - own) for items, own in zip(members, centres, strict=True)]
        self.counts = tf.constant([len(items) for items in members])
        self.leaf_of_item = np.empty(len(item_vectors), np.int64)
        rows = np.zeros([len(members), self.leaf_size], np.int64)
        for leaf, items in enumerate(members):
            self.leaf_of_item[items] = leaf
            rows[leaf, : len(items)] = items + 1
        table = np.concatenate([np.zeros_like(item_vectors[:1]), item_vectors])[rows.ravel()]
        self.centres = tf.Variable(centres, trainable=False, name="centres")
        self.spread = tf.Variable(spread / np.sqrt(self.counts), trainable=False, dtype=tf.float32, name="spread")
        self.vectors = tf.Variable(table, trainable=False, name="vectors_by_leaf")
        self.rows = tf.Variable(rows, trainable=False, name="rows_by_leaf")

    @property
    def settings(self) -> dict[str, int]:
        """See `Index`."""
        return {"leaves": self.centres.shape[0], "leaves_to_search": self.leaves_to_search}

    def tune(self, queries: NDArray[np.float32], item_vectors: NDArray[np.float32], k: int, recall: float) -> None:
        """See `Index`."""
        best = exact_rows(queries, item_vectors, k) - 1
        leaf_order = np.argsort(-self._agreement(tf.constant(queries)).numpy(), axis=1, kind="stable")
        needed = np.take_along_axis(np.argsort(leaf_order, axis=1), self.leaf_of_item[best], axis=1)
        self.leaves_to_search = next(
            count
            for count in range(1, self.centres.shape[0] + 1)
            if count > needed.max() or certain_share((needed < count).mean(axis=1)) >= recall
        )

    def candidates(self, queries: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """See `Index`."""
        vectors, rows = tf.convert_to_tensor(self.vectors), tf.convert_to_tensor(self.rows)
        leaves = tf.math.top_k(self._agreement(queries), self.leaves_to_search).indices
        begins = tf.pad(leaves[..., tf.newaxis] * self.leaf_size, [[0, 0], [0, 0], [0, 1]])
        filled = tf.sequence_mask(tf.gather(self.counts, leaves), self.leaf_size)
        places = self.leaves_to_search * self.leaf_size
        count = min(self.num_candidates, places)

        def best(inputs: tuple[tf.Tensor, tf.Tensor, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
            """The best scores of a query and their places among its leaves' items."""
            query, begins, filled = inputs
            inside = (tf.slice(vectors, begin, [self.leaf_size, vectors.shape[1]]) for begin in tf.unstack(begins))
            scores = tf.concat([tf.matmul(leaf, query) for leaf in inside], axis=0)[:, 0]
            found = tf.math.top_k(tf.where(tf.reshape(filled, [places]), scores, -np.inf), count)
            return found.values, found.indices

        def alone() -> tuple[tf.Tensor, tf.Tensor]:
            """Without the loop, which takes as long as the search of one query."""
            scores, places = best((queries[0, :, tf.newaxis], begins[0], filled[0]))
            return scores[tf.newaxis], places[tf.newaxis]

        def each() -> tuple[tf.Tensor, tf.Tensor]:
            spec = tf.TensorSpec([count], tf.float32), tf.TensorSpec([count], tf.int32)
            return tf.map_fn(best, (queries[..., tf.newaxis], begins, filled), fn_output_signature=spec)

        scores, found = tf.cond(tf.shape(queries)[0] == 1, alone, each)
        leaf = tf.gather(leaves, found // self.leaf_size, batch_dims=1)
        missing = [[0, 0], [0, self.num_candidates - count]]
        return (
            tf.pad(scores, missing, constant_values=-np.inf),
            tf.pad(tf.gather_nd(rows, tf.stack([leaf, found % self.leaf_size], axis=-1)), missing),
        )

    def _agreement(self, queries: tf.Tensor) -> tf.Tensor:
        """How much each leaf agrees with each query: `[queries, dim]` to `[queries, leaves]`."""
        centres, spread = tf.convert_to_tensor(self.centres), tf.convert_to_tensor(self.spread)
        lengths = tf.norm(queries, axis=1, keepdims=True)
        return tf.matmul(queries, centres, transpose_b=True) + SPREAD_WEIGHT * lengths * spread


def _leaf_size(num_items: int, leaves: int | None) -> int:
    if leaves is None:
        return num_items if num_items < EXHAUSTIVE_BELOW else LEAF_SIZE
    return -(-num_items // (leaves * ALIGNED_ROWS)) * ALIGNED_ROWS
