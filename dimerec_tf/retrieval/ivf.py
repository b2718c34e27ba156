"""A partitioned (inverted file) index in core TensorFlow ops: stock TF Serving loads it."""

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from sklearn.cluster import MiniBatchKMeans

from dimerec_tf.retrieval.approximate import exact_rows

SEED = 0


class IvfIndex(tf.Module):
    """Scores the items of the leaves whose centres agree most with a query, exactly. See `Index`.

    Item vectors are kept in the order of their leaves, so that a leaf is a slice of them and is not copied.

    Args:
        item_vectors: `[num_items, dim]`; vector j is that of item row j + 1.
        num_candidates: how many items it proposes.
        leaves: partitions, made by k-means.
        leaves_to_search: how many of them a query visits.
    """

    def __init__(
        self, item_vectors: NDArray[np.float32], num_candidates: int, leaves: int, leaves_to_search: int = 1
    ) -> None:
        super().__init__(name="ivf")
        self.num_candidates = num_candidates
        self.leaves_to_search = leaves_to_search
        assigned, centres = _partition(item_vectors, leaves)
        order = np.argsort(assigned, kind="stable")
        self.leaf_of_item = assigned
        self.centres = tf.Variable(centres, trainable=False, name="centres")
        ends = np.searchsorted(assigned[order], np.arange(len(centres)), side="right")
        self.starts = tf.constant(np.concatenate([[0], ends[:-1]]), tf.int32)
        self.sizes = tf.constant(ends, tf.int32) - self.starts
        self.vectors = tf.Variable(item_vectors[order], trainable=False, name="vectors_by_leaf")
        self.rows = tf.Variable(order + 1, trainable=False, dtype=tf.int64, name="rows_by_leaf")

    @property
    def settings(self) -> dict[str, int]:
        """See `Index`."""
        return {"leaves": self.centres.shape[0], "leaves_to_search": self.leaves_to_search}

    def tune(self, queries: NDArray[np.float32], item_vectors: NDArray[np.float32], k: int, recall: float) -> None:
        """See `Index`."""
        best = exact_rows(queries, item_vectors, k) - 1
        leaf_order = np.argsort(-(queries @ self.centres.numpy().T), axis=1, kind="stable")
        rank_of_leaf = np.argsort(leaf_order, axis=1)
        needed = np.sort(np.take_along_axis(rank_of_leaf, self.leaf_of_item[best], axis=1).ravel())
        self.leaves_to_search = int(needed[int(np.ceil(recall * len(needed))) - 1]) + 1

    def candidates(self, queries: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """See `Index`."""
        centres, vectors = tf.convert_to_tensor(self.centres), tf.convert_to_tensor(self.vectors)
        leaves = tf.math.top_k(tf.matmul(queries, centres, transpose_b=True), self.leaves_to_search).indices
        begins = tf.pad(tf.gather(self.starts, leaves)[..., tf.newaxis], [[0, 0], [0, 0], [0, 1]])
        sizes = tf.gather(self.sizes, leaves)
        ends = tf.cumsum(sizes, axis=1)

        def score(inputs: tuple[tf.Tensor, tf.Tensor, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
            """The best items of a query and their places among its leaves' items, filled up with -inf."""
            query, begins, shapes = inputs
            leaves = (tf.slice(vectors, *corner) for corner in zip(tf.unstack(begins), tf.unstack(shapes), strict=True))
            scores = tf.concat([tf.matmul(leaf, query) for leaf in leaves], axis=0)[:, 0]
            count = tf.minimum(self.num_candidates, tf.shape(scores)[0])
            best, places = tf.math.top_k(scores, count)
            missing = [[0, self.num_candidates - count]]
            return tf.pad(best, missing, constant_values=-np.inf), tf.pad(places, missing)

        shapes = tf.stack([sizes, tf.fill(tf.shape(sizes), vectors.shape[1])], axis=2)
        spec = tf.TensorSpec([self.num_candidates], tf.float32), tf.TensorSpec([self.num_candidates], tf.int32)
        scores, places = tf.map_fn(score, (queries[..., tf.newaxis], begins, shapes), fn_output_signature=spec)
        leaf = tf.searchsorted(ends, places, side="right")
        first = tf.gather(begins[..., 0] - ends + sizes, leaf, batch_dims=1)
        return scores, tf.gather(tf.convert_to_tensor(self.rows), first + places)


def _partition(vectors: NDArray[np.float32], leaves: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """k-means: the leaf of each vector and the leaves' centres; empty leaves are left out."""
    if leaves == 1:
        return np.zeros(len(vectors), np.int64), vectors.mean(axis=0, keepdims=True)
    means = MiniBatchKMeans(leaves, batch_size=4096, n_init=1, random_state=SEED).fit(vectors)
    used, assigned = np.unique(means.labels_, return_inverse=True)
    return assigned, means.cluster_centers_[used].astype(np.float32)
