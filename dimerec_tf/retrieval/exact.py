"""Exact retrieval: every item is scored, the best k that are not blocked are returned."""

from abc import abstractmethod
from typing import Protocol

import numpy as np
import tensorflow as tf


class Scorer(Protocol):
    """Anything that scores items: DimeRec through `ModelScorer`, popularity, sequential rules."""

    def users(self, history: tf.Tensor) -> tf.Tensor:
        """What items are scored by: rows `[batch, length]` to `[batch, ...]`."""
        ...

    def scores(self, users: tf.Tensor) -> tf.Tensor:
        """Of the whole catalogue: float32 `[batch, num_items]`, column j for item row j + 1."""
        ...

    def scores_of(self, users: tf.Tensor, rows: tf.Tensor) -> tf.Tensor:
        """Of some items: rows `[batch, count]` to float32 of that shape, of no meaning for row 0."""
        ...


class Retriever(Protocol):
    """What an export needs: the best rows for histories."""

    def search(self, history: tf.Tensor, blocked: tf.Tensor, k: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The best `k` items of each history.

        Args:
            history: rows `[batch, length]`.
            blocked: rows `[batch, any]` that must not be returned; zeros are ignored.
            k: how many, a scalar.

        Returns:
            Scores float32 and rows int64, both `[batch, k]`; past the end of the catalogue rows are 0.
        """
        ...


class QueryModel(Protocol):
    """A trained model that compares vectors: DimeRec and the baselines with one or several vectors per user."""

    def query(self, history: tf.Tensor) -> tf.Tensor:
        """Rows `[batch, length]` to `[batch, queries, dim]`."""
        ...

    def item_vectors(self) -> tf.Tensor:
        """`[num_items, dim]`, row j for item row j + 1."""
        ...


class HistoryScorer(tf.Module):
    """A scorer that has no other view of a user than the history."""

    def users(self, history: tf.Tensor) -> tf.Tensor:
        """See `Scorer`: the history itself."""
        return history

    @abstractmethod
    def scores(self, users: tf.Tensor) -> tf.Tensor:
        """See `Scorer`."""

    def scores_of(self, users: tf.Tensor, rows: tf.Tensor) -> tf.Tensor:
        """See `Scorer`."""
        return tf.gather(self.scores(users), tf.maximum(rows - 1, 0), batch_dims=1)


class ModelScorer(tf.Module):
    """A trained model's scores: each item's best inner product with the queries of a history, which are its users.

    Args:
        model: gives queries and item vectors.
        num_items: how many of its first items may be recommended, all if left out.
    """

    def __init__(self, model: QueryModel, num_items: int | None = None) -> None:
        super().__init__()
        self.model = model
        self.item_vectors = tf.Variable(model.item_vectors()[:num_items], trainable=False, name="item_vectors")

    def users(self, history: tf.Tensor) -> tf.Tensor:
        """See `Scorer`."""
        return self.model.query(history)

    def scores(self, users: tf.Tensor) -> tf.Tensor:
        """See `Scorer`."""
        items = tf.convert_to_tensor(self.item_vectors)
        return tf.reduce_max(tf.einsum("bqd,vd->bqv", users, items), axis=1)

    def scores_of(self, users: tf.Tensor, rows: tf.Tensor) -> tf.Tensor:
        """See `Scorer`."""
        items = tf.gather(tf.convert_to_tensor(self.item_vectors), tf.maximum(rows - 1, 0))
        return tf.reduce_max(tf.einsum("bqd,bcd->bqc", users, items), axis=1)


class ExactRetriever(tf.Module):
    """See `Retriever`."""

    def __init__(self, scorer: Scorer) -> None:
        super().__init__()
        self.scorer = scorer

    def search(
        self,
        history: tf.Tensor,
        blocked: tf.Tensor,
        k: tf.Tensor,
        users: tf.Tensor | None = None,
        allowed: tf.Tensor | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """See `Retriever`; equal scores are ordered by popularity.

        `users` are the scorer's for these histories; `allowed`, bool `[batch, num_items]`, says what may be returned.
        """
        scores = self.scorer.scores(self.scorer.users(history) if users is None else users)
        scores = tf.where(has_events(history), scores, popularity_scores(tf.shape(scores)[1]))
        if allowed is not None:
            scores = tf.where(allowed, scores, -np.inf)
        return best_unblocked(scores, blocked, k)


def has_events(history: tf.Tensor) -> tf.Tensor:
    """Which histories hold a known item: `[batch, length]` rows to bool `[batch, 1]`."""
    return tf.reduce_any(history > 0, axis=1, keepdims=True)


def popularity_scores(num_items: tf.Tensor) -> tf.Tensor:
    """What a history without any known item is answered with, `[1, num_items]`: 1/popularity rank."""
    return 1.0 / tf.range(1.0, tf.cast(num_items, tf.float32) + 1.0)[tf.newaxis]


def best_unblocked(scores: tf.Tensor, blocked: tf.Tensor, k: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The best `k` columns of `[batch, num_items]` scores that are not blocked; see `Retriever.search`."""
    batch, num_items = tf.unstack(tf.shape(scores))
    blocked = tf.broadcast_to(blocked, [batch, tf.shape(blocked)[1]])
    open_scores = tf.where(marked(blocked, num_items), -np.inf, scores)
    top_scores, columns = tf.math.top_k(open_scores, k=tf.minimum(k, num_items))
    return fill_up(top_scores, tf.cast(columns, tf.int64) + 1, k)


def marked(rows: tf.Tensor, num_items: tf.Tensor) -> tf.Tensor:
    """Which items are among the rows: `[batch, any]`, zeros are ignored, to bool `[batch, num_items]`."""
    batch = tf.shape(rows)[0]
    owner = tf.broadcast_to(tf.range(batch, dtype=tf.int64)[:, tf.newaxis], tf.shape(rows))
    marks = tf.scatter_nd(
        tf.stack([owner, rows], axis=-1), tf.ones_like(rows, tf.int32), tf.cast([batch, num_items + 1], tf.int64)
    )
    return marks[:, 1:] > 0


def is_blocked(rows: tf.Tensor, blocked: tf.Tensor) -> tf.Tensor:
    """Which of the rows `[batch, count]` are among `[batch, any]` blocked ones; row 0 always is."""
    blocked = tf.sort(tf.pad(blocked, [[0, 0], [1, 0]]), axis=1)
    places = tf.minimum(tf.searchsorted(blocked, rows), tf.shape(blocked)[1] - 1)
    return tf.gather(blocked, places, batch_dims=1) == rows


def fill_up(scores: tf.Tensor, rows: tf.Tensor, k: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Widens at most `k` scores and rows `[batch, found]` to `k`, with 0 there and where the score is -inf."""
    rows = tf.where(scores > -float("inf"), rows, 0)
    missing = [[0, 0], [0, k - tf.shape(rows)[1]]]
    return tf.pad(tf.where(rows > 0, scores, 0.0), missing), tf.pad(rows, missing)
