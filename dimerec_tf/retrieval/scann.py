"""Approximate retrieval with the TFRS ScaNN layer; the SavedModel needs ScaNN's op library to load."""

import numpy as np
import tensorflow as tf
import tensorflow_recommenders as tfrs

from dimerec_tf.retrieval.exact import ExactRetriever, ModelScorer, has_events

EXHAUSTIVE_BELOW = 20_000


class ScannRetriever(tf.Module):
    """Searches a ScaNN index for the items whose vectors have the largest inner product with the interest vector.

    The index returns a fixed number of candidates. A history without any known item, and one of whose candidates fewer
    than `max_k` may be returned, are answered by the exact search: no request gets fewer items for it. The answer to a
    history does not depend on the others in its batch.

    Args:
        scorer: holds the model and its item vectors, at least 2 of them.
        max_k: the largest `k` of a request.
        leaves: partitions of the index, by default the square root of the catalogue's size.
        leaves_to_search: how many of them a query visits; by default all below 20,000 items, where that is exact,
            and a tenth above.
        max_blocked: how many blocked items per request the index itself allows for.
    """

    def __init__(
        self,
        scorer: ModelScorer,
        max_k: int,
        leaves: int | None = None,
        leaves_to_search: int | None = None,
        max_blocked: int = 400,
    ) -> None:
        super().__init__()
        num_items = scorer.item_vectors.shape[0]
        leaves = leaves or max(int(num_items**0.5), 1)
        searched = leaves_to_search or (leaves if num_items < EXHAUSTIVE_BELOW else max(leaves // 10, 1))
        self.scorer = scorer
        self.max_k = max_k
        self.exact = ExactRetriever(scorer)
        self.num_candidates = min(max_k + max_blocked, num_items)
        self.index = tfrs.layers.factorized_top_k.ScaNN(
            k=self.num_candidates,
            num_leaves=leaves,
            num_leaves_to_search=searched,
            num_reordering_candidates=num_items if num_items < EXHAUSTIVE_BELOW else 4 * self.num_candidates,
        )
        self.index.index(scorer.item_vectors, tf.range(1, num_items + 1, dtype=tf.int64))

    def search(self, history: tf.Tensor, blocked: tf.Tensor, k: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """See `Retriever`; `k` is at most `max_k`."""
        if self.num_candidates < self.max_k:  # a catalogue of fewer items
            return self.exact.search(history, blocked, k)
        scores, rows = self._open_candidates(history, blocked)
        open_count = tf.math.count_nonzero(scores > -np.inf, axis=1, keepdims=True)
        answerable = has_events(history) & (open_count >= self.max_k)
        best, positions = tf.math.top_k(scores, k=k)
        found = best, tf.gather(rows, positions, batch_dims=1)
        exact = tf.cond(tf.reduce_all(answerable), lambda: found, lambda: self.exact.search(history, blocked, k))
        return tf.where(answerable, found[0], exact[0]), tf.where(answerable, found[1], exact[1])

    def _open_candidates(self, history: tf.Tensor, blocked: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The candidates; a blocked one's score is -inf."""
        scores, rows = self._candidates(history)
        blocked = tf.sort(tf.pad(blocked, [[0, 0], [1, 0]]), axis=1)
        places = tf.minimum(tf.searchsorted(blocked, rows), tf.shape(blocked)[1] - 1)
        return tf.where(tf.gather(blocked, places, batch_dims=1) == rows, -np.inf, scores), rows

    def _candidates(self, history: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Scores and rows `[batch, queries * candidates]`; of an item that several queries found, the best counts.

        The score is -inf where the leaves that were searched hold too few items.
        """
        queries = self.scorer.model.query(history)
        batch, width = tf.shape(queries)[0], queries.shape[1] * self.num_candidates
        found = self.index(tf.reshape(queries, [-1, queries.shape[2]]))
        missing = [[0, 0], [0, self.num_candidates - tf.shape(found[0])[1]]]
        scores, rows = (tf.reshape(tf.pad(part, missing), [batch, width]) for part in found)
        scores = tf.where(tf.math.is_finite(scores) & (rows > 0), scores, -np.inf)
        if queries.shape[1] == 1:
            return scores, rows
        order = tf.argsort(scores, direction="DESCENDING", stable=True)
        scores, rows = (tf.gather(part, order, batch_dims=1) for part in (scores, rows))
        by_row = tf.argsort(rows, stable=True)
        scores, rows = (tf.gather(part, by_row, batch_dims=1) for part in (scores, rows))
        repeated = tf.concat([tf.zeros([batch, 1], tf.bool), rows[:, 1:] == rows[:, :-1]], axis=1)
        return tf.where(repeated, -np.inf, scores), rows
