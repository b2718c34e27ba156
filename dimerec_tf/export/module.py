"""What an export does: recommendations for raw item ids."""

from collections.abc import Callable
from dataclasses import dataclass, field

import tensorflow as tf

from dimerec_tf.features import ItemVocabulary
from dimerec_tf.models.dimerec import DimeRec
from dimerec_tf.retrieval.allowed import best_allowed
from dimerec_tf.retrieval.approximate import ApproximateRetriever
from dimerec_tf.retrieval.exact import ExactRetriever, ModelScorer, has_events

_WALK_SIGNATURE = [
    tf.TensorSpec([None, None], tf.int64),
    tf.TensorSpec([], tf.int32),
    tf.TensorSpec([], tf.int32),
]


def _no_ids() -> tf.Tensor:
    return tf.constant([[""]])


@dataclass(frozen=True)
class Request:
    """A batch of requests. Without `num_steps` and `seed` the reverse walk is the model's own.

    Attributes:
        history_ids: string `[batch, length]`, oldest first; '' is padding and unknown ids are ignored.
        k: integers `[batch]` or `[1]`, how many items.
        exclude_ids: string `[batch or 1, any]`, never returned.
        filter_seen: bool `[batch]` or `[1]`; whether the history's items are left out too.
        allow_ids: string `[batch or 1, any]`; a row with any id but '' is answered with these items alone.
        num_steps: integers `[batch]` or `[1]`, of the reverse walk; 0 for the model's own.
        seed: int32 `[batch]` or `[1]`, of the reverse walk.
    """

    history_ids: tf.Tensor | tf.RaggedTensor
    k: tf.Tensor
    exclude_ids: tf.Tensor = field(default_factory=_no_ids)
    filter_seen: tf.Tensor = field(default_factory=lambda: tf.constant([False]))
    allow_ids: tf.Tensor = field(default_factory=_no_ids)
    num_steps: tf.Tensor | None = None
    seed: tf.Tensor | None = None


class RecommenderModule(tf.Module):
    """A retriever with its vocabulary, ready for `tf.saved_model.save`.

    Args:
        retriever: searches rows.
        vocabulary: maps ids to rows and back.
        max_k: the largest `k` a request may ask for.

    Attributes:
        has_queries: whether the model compares vectors of users and items.
        walker: the model if it is a DimeRec.
        max_walk_steps: the largest `num_steps` a request may ask for; 0 if there is no reverse walk.
    """

    def __init__(
        self, retriever: ExactRetriever | ApproximateRetriever, vocabulary: ItemVocabulary, max_k: int
    ) -> None:
        super().__init__()
        self.retriever = retriever
        self.vocabulary = vocabulary
        self.max_k = max_k
        model = retriever.scorer.model if isinstance(retriever.scorer, ModelScorer) else None
        self.has_queries = model is not None
        self.walker = model if isinstance(model, DimeRec) else None
        self.max_walk_steps = self.walker.max_walk_steps if self.walker else 0
        # Of its own, so that the model is traced once for all signatures.
        self._walked_query = (
            tf.function(self.walker.query, input_signature=_WALK_SIGNATURE)
            if self.walker and self.max_walk_steps
            else None
        )

    def recommend(self, request: Request) -> dict[str, tf.Tensor]:
        """Answers a batch of requests.

        Returns:
            `item_ids` string and `scores` float32, both `[batch, max(k)]`, '' and 0 past a row's own k or the last item
            that may be returned; `cold_start` bool `[batch]`, true where no item of the history is known and the answer
            is the most popular items.

        Raises:
            InvalidArgumentError: when run, with a `k` or `num_steps` out of bounds.
        """
        message = f"k must lie between 1 and {self.max_k}, the limit this model was exported with."
        history = self.vocabulary.encode(request.history_ids)
        k = tf.broadcast_to(_bounded(request.k, 1, self.max_k, message), tf.shape(history)[:1])
        scores, rows = self._search(request, history, tf.reduce_max(k))
        wanted = tf.range(tf.shape(rows)[1])[tf.newaxis] < k[:, tf.newaxis]
        return {
            "item_ids": self.vocabulary.decode(tf.where(wanted, rows, 0)),
            "scores": tf.where(wanted, scores, 0.0),
            "cold_start": _is_cold(history),
        }

    def embed(self, history_ids: tf.Tensor, num_steps: tf.Tensor, seed: tf.Tensor) -> dict[str, tf.Tensor]:
        """What items are compared with; only of a model that `has_queries`.

        Returns:
            `embeddings` float32 `[batch, queries, dim]`: the next interest, one for each sample, or what another model
            has for it; `cold_start` bool `[batch]`, true where they say nothing, as no item of the history is known.
        """
        history = self.vocabulary.encode(history_ids)
        return {"embeddings": self._users(history, num_steps, seed), "cold_start": _is_cold(history)}

    def interests(self, history_ids: tf.Tensor) -> dict[str, tf.Tensor]:
        """GEM's interests; only of a DimeRec.

        Returns:
            `interests` float32 `[batch, interests, dim]`, zeros where a history has fewer; `cold_start` as for `embed`.
        """
        assert self.walker
        history = self.vocabulary.encode(history_ids)
        return {"interests": tf.cast(self.walker.interests(history), tf.float32), "cold_start": _is_cold(history)}

    def _users(self, history: tf.Tensor, num_steps: tf.Tensor | None, seed: tf.Tensor | None) -> tf.Tensor:
        """The scorer's users of histories `[batch, length]`; see `Request` for the rest."""
        if num_steps is None or seed is None:
            return self.retriever.scorer.users(history)
        message = (
            f"num_steps must lie between 0, the default of this model, and {self.max_walk_steps}."
            if self.max_walk_steps
            else "This model answers without a reverse walk: leave num_steps at 0."
        )
        num_steps = _bounded(num_steps, 0, self.max_walk_steps, message)
        if self._walked_query:
            return _walked(self._walked_query, history, num_steps, seed)
        with tf.control_dependencies([num_steps]):
            return self.retriever.scorer.users(tf.identity(history))

    def _search(self, request: Request, history: tf.Tensor, k: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Scores and rows `[batch, k]`; see `Retriever.search`."""
        batch = tf.shape(history)[0]
        seen = tf.where(tf.broadcast_to(request.filter_seen, [batch])[:, tf.newaxis], history, 0)
        blocked = tf.concat([seen, self._rows(request.exclude_ids, batch)], axis=1)
        restricted = tf.reduce_any(request.allow_ids != "", axis=1, keepdims=True)
        users = self._users(history, request.num_steps, request.seed)

        def nothing() -> tuple[tf.Tensor, tf.Tensor]:
            return tf.zeros([batch, k]), tf.zeros([batch, k], tf.int64)

        def of_all() -> tuple[tf.Tensor, tf.Tensor]:
            return self.retriever.search(history, blocked, k, users)

        def of_allowed() -> tuple[tf.Tensor, tf.Tensor]:
            allowed = self._rows(request.allow_ids, batch)
            return best_allowed(self.retriever.scorer, history, users, allowed, blocked, k)

        free = tf.cond(tf.reduce_all(restricted), nothing, of_all)
        listed = tf.cond(tf.reduce_any(restricted), of_allowed, nothing)
        return tf.where(restricted, listed[0], free[0]), tf.where(restricted, listed[1], free[1])

    def _rows(self, ids: tf.Tensor, batch: tf.Tensor) -> tf.Tensor:
        """Ids `[batch or 1, any]` to rows `[batch, any]`."""
        rows = self.vocabulary.encode(ids)
        return tf.broadcast_to(rows, [batch, tf.shape(rows)[1]])


def _is_cold(history: tf.Tensor) -> tf.Tensor:
    return tf.logical_not(has_events(history)[:, 0])


def _walked(query: Callable, history: tf.Tensor, num_steps: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Queries `[batch, samples, dim]`, in one walk if all rows ask for the same, else in one for each."""
    batch = tf.shape(history)[:1]
    alike = tf.reduce_all(num_steps == num_steps[0]) & tf.reduce_all(seed == seed[0])
    rows = history, tf.broadcast_to(num_steps, batch), tf.broadcast_to(seed, batch)
    return tf.cond(
        alike,
        lambda: query(history, num_steps[0], seed[0]),
        lambda: tf.map_fn(
            lambda row: query(row[0][tf.newaxis], row[1], row[2])[0], rows, fn_output_signature=tf.float32
        ),
    )


def _bounded(values: tf.Tensor, least: int, most: int, message: str) -> tf.Tensor:
    """The values as int32; an InvalidArgumentError with the message when run, if one is out of bounds."""
    checks = [
        tf.debugging.assert_greater_equal(values, tf.constant(least, values.dtype), message=message),
        tf.debugging.assert_less_equal(values, tf.constant(most, values.dtype), message=message),
    ]
    with tf.control_dependencies(checks):
        return tf.cast(tf.identity(values), tf.int32)
