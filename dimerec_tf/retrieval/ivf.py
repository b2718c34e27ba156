"""A partitioned (inverted file) index in core TensorFlow ops: stock TF Serving loads it."""

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from sklearn.cluster import MiniBatchKMeans

from dimerec_tf.retrieval.approximate import EXHAUSTIVE_BELOW

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
        self.starts = tf.constant(np.searchsorted(assigned[order], np.arange(len(centres) + 1)), tf.int32)
        self.vectors = tf.Variable(item_vectors[order], trainable=False, name="vectors_by_leaf")
        self.rows = tf.Variable(order + 1, trainable=False, dtype=tf.int64, name="rows_by_leaf")

    @property
    def settings(self) -> dict[str, int]:
        """See `Index`."""
        return {"leaves": self.centres.shape[0], "leaves_to_search": self.leaves_to_search}

    def tune(self, queries: NDArray[np.float32], item_vectors: NDArray[np.float32], k: int, recall: float) -> None:
        """Sets `leaves_to_search` to the smallest number that finds the share `recall` of the exact best `k` items.

        Args:
            queries: `[queries, dim]`.
            item_vectors: what the index was built from.
            k: how many items of each query are looked for.
            recall: between 0 and 1.
        """
        best = np.concatenate(
            [tf.math.top_k(query[np.newaxis] @ item_vectors.T, k).indices.numpy() for query in queries]
        )
        leaf_order = np.argsort(-(queries @ self.centres.numpy().T), axis=1, kind="stable")
        rank_of_leaf = np.argsort(leaf_order, axis=1)
        needed = np.sort(np.take_along_axis(rank_of_leaf, self.leaf_of_item[best], axis=1).ravel())
        self.leaves_to_search = int(needed[int(np.ceil(recall * len(needed))) - 1]) + 1

    def candidates(self, queries: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """See `Index`."""
        centres, vectors = tf.convert_to_tensor(self.centres), tf.convert_to_tensor(self.vectors)
        leaves = tf.math.top_k(tf.matmul(queries, centres, transpose_b=True), self.leaves_to_search).indices

        def search(query_and_leaves: tuple[tf.Tensor, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
            query, visited = query_and_leaves
            scores, places = [], []
            for leaf in tf.unstack(visited, self.leaves_to_search):
                start, end = self.starts[leaf], self.starts[leaf + 1]
                scores.append(tf.linalg.matvec(vectors[start:end], query))
                places.append(tf.range(start, end))
            return self._best(tf.concat(scores, axis=0), tf.concat(places, axis=0))

        scores, places = tf.map_fn(search, (queries, leaves), fn_output_signature=(tf.float32, tf.int32))
        return scores, tf.gather(tf.convert_to_tensor(self.rows), places)

    def _best(self, scores: tf.Tensor, places: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The best `num_candidates` of what was scored, filled up with -inf."""
        count = tf.minimum(self.num_candidates, tf.shape(scores)[0])
        best, positions = tf.math.top_k(scores, count)
        missing = [[0, self.num_candidates - count]]
        best = tf.pad(best, missing, constant_values=-np.inf)
        found = tf.pad(tf.gather(places, positions), missing)
        return tf.ensure_shape(best, [self.num_candidates]), tf.ensure_shape(found, [self.num_candidates])


def default_leaves(num_items: int) -> int:
    """One leaf, which is an exact search, below 20,000 items; the square root of their number above."""
    return 1 if num_items < EXHAUSTIVE_BELOW else int(num_items**0.5)


def _partition(vectors: NDArray[np.float32], leaves: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """k-means: the leaf of each vector and the leaves' centres; empty leaves are left out."""
    if leaves == 1:
        return np.zeros(len(vectors), np.int64), vectors.mean(axis=0, keepdims=True)
    means = MiniBatchKMeans(leaves, batch_size=4096, n_init=1, random_state=SEED).fit(vectors)
    used, assigned = np.unique(means.labels_, return_inverse=True)
    return assigned, means.cluster_centers_[used].astype(np.float32)
