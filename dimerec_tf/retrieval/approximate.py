"""Approximate retrieval: an index proposes candidates, what may be returned of them is ranked by exact scores."""

from typing import Protocol

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from dimerec_tf.retrieval.exact import ExactRetriever, ModelScorer, has_events, is_blocked

EXHAUSTIVE_BELOW = 20_000
MAX_BLOCKED = 400


class Index(Protocol):
    """Proposes items for query vectors.

    Attributes:
        num_candidates: how many it proposes for a query.
        leaves_to_search: how many of its leaves it visits for one.
    """

    num_candidates: int
    leaves_to_search: int

    @property
    def settings(self) -> dict[str, int]:
        """What it was built with, for the record."""
        ...

    def tune(self, queries: NDArray[np.float32], item_vectors: NDArray[np.float32], k: int, recall: float) -> None:
        """Searches as few leaves as find the share `recall` of the exact best `k` items, see `certain_share`.

        Args:
            queries: `[queries, dim]`.
            item_vectors: what the index was built from.
            k: how many items of each query are looked for, at most `num_candidates`.
            recall: between 0 and 1.
        """
        ...

    def candidates(self, queries: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Vectors `[queries, dim]` to inner products float32 and rows int64, both `[queries, num_candidates]`, best
        first; past the end of what was searched the score is -inf.
        """
        ...


class ApproximateRetriever(tf.Module):
    """Searches an index for the items whose vectors have the largest inner product with the interest vector.

    A history without any known item, and one of whose candidates fewer than `max_k` may be returned, are answered by
    the exact search: no request gets fewer items for it. Beyond what the index proposes, the answer to a history does
    not depend on the others in its batch; IVF proposes the same in any batch, ScaNN nearly so.

    Args:
        scorer: holds the model and its item vectors.
        index: of the same item vectors.
        max_k: the largest `k` of a request.
    """

    def __init__(self, scorer: ModelScorer, index: Index, max_k: int) -> None:
        super().__init__()
        self.scorer = scorer
        self.index = index
        self.max_k = max_k
        self.exact = ExactRetriever(scorer)

    def search(
        self, history: tf.Tensor, blocked: tf.Tensor, k: tf.Tensor, users: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """See `Retriever`; `k` is at most `max_k`. `users` are the scorer's for these histories."""
        queries = self.scorer.users(history) if users is None else users
        if self.index.num_candidates < self.max_k:  # a catalogue of fewer items
            return self.exact.search(history, blocked, k, queries)
        scores, rows = self._candidates(queries)
        scores = tf.where(is_blocked(rows, blocked), -np.inf, scores)
        open_count = tf.math.count_nonzero(scores > -np.inf, axis=1, keepdims=True)
        answerable = has_events(history) & (open_count >= self.max_k)
        best, positions = tf.math.top_k(scores, k=k)
        found = best, tf.gather(rows, positions, batch_dims=1)
        exact = tf.cond(
            tf.reduce_all(answerable), lambda: found, lambda: self.exact.search(history, blocked, k, queries)
        )
        return tf.where(answerable, found[0], exact[0]), tf.where(answerable, found[1], exact[1])

    def _candidates(self, queries: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Scores and rows `[batch, queries * candidates]`; of an item that several queries found, the best counts."""
        batch, width = tf.shape(queries)[0], queries.shape[1] * self.index.num_candidates
        found = self.index.candidates(tf.reshape(queries, [-1, queries.shape[2]]))
        scores, rows = (tf.reshape(part, [batch, width]) for part in found)
        if queries.shape[1] == 1:
            return scores, rows
        order = tf.argsort(scores, direction="DESCENDING", stable=True)
        scores, rows = (tf.gather(part, order, batch_dims=1) for part in (scores, rows))
        by_row = tf.argsort(rows, stable=True)
        scores, rows = (tf.gather(part, by_row, batch_dims=1) for part in (scores, rows))
        repeated = tf.concat([tf.zeros([batch, 1], tf.bool), rows[:, 1:] == rows[:, :-1]], axis=1)
        return tf.where(repeated, -np.inf, scores), rows


def exact_rows(queries: NDArray[np.float32], item_vectors: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    """The rows `[queries, k]` of the items with the largest inner products."""
    best = [tf.math.top_k(query[np.newaxis] @ item_vectors.T, k).indices.numpy() for query in queries]
    return np.concatenate(best).astype(np.int64) + 1


def shares_found(found: NDArray[np.int64], best: NDArray[np.int64]) -> NDArray[np.float64]:
    """How much of the best rows `[queries, k]` is among those found, `[queries, any]`: `[queries]`."""
    return (found[:, :, np.newaxis] == best[:, np.newaxis]).any(axis=1).mean(axis=1)


def certain_share(shares: NDArray[np.float64]) -> float:
    """The mean of shares `[queries]`, less two standard errors: what to expect of other queries at the least."""
    return float(shares.mean() - 2 * shares.std() / len(shares) ** 0.5)


def candidates_for(max_k: int, num_items: int) -> int:
    """How many items an index has to propose, so that blocked ones can be left out."""
    return min(max_k + MAX_BLOCKED, num_items)
