"""What an export does: recommendations for raw item ids."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from dimerec_tf.export.request import Request, asks_no_categories, bounded, checked_weights
from dimerec_tf.features import ItemVocabulary
from dimerec_tf.models.dimerec import DimeRec
from dimerec_tf.retrieval.allowed import best_allowed
from dimerec_tf.retrieval.approximate import ApproximateRetriever
from dimerec_tf.retrieval.categories import ItemCategories
from dimerec_tf.retrieval.controllable import CANDIDATES, aggregate
from dimerec_tf.retrieval.exact import ExactRetriever, ModelScorer, has_events, marked

Found = tuple[tf.Tensor, tf.Tensor]

_HISTORY = tf.TensorSpec([None, None], tf.int64)
_NUMBER = tf.TensorSpec([], tf.int32)


class RecommenderModule(tf.Module):
    """A retriever with its vocabulary, ready for `tf.saved_model.save`.

    Args:
        retriever: searches rows.
        vocabulary: maps ids to rows and back.
        max_k: the largest `k` a request may ask for.
        categories: of the catalogue; without them no request may ask for any, nor for diversity.
        train_events: how many training events each row has, `[num_items + 1]`, which the Evaluator's signature tells.

    Attributes:
        num_candidates: how many items may be recommended, of the first rows; those behind them were withdrawn.
        has_queries: whether the model compares vectors of users and items.
        walker: the model if it is a DimeRec.
        max_walk_steps: the largest `num_steps` a request may ask for; 0 if there is no reverse walk.
    """

    def __init__(
        self,
        retriever: ExactRetriever | ApproximateRetriever,
        vocabulary: ItemVocabulary,
        max_k: int,
        categories: ItemCategories | None,
        train_events: NDArray[np.int64] | None = None,
    ) -> None:
        super().__init__()
        self.retriever = retriever
        self.categories = categories
        self.vocabulary = vocabulary
        self.max_k = max_k
        # A variable, not a constant, as in `ItemVocabulary`.
        self.train_events = None if train_events is None else tf.Variable(train_events, False, name="train_events")
        model = retriever.scorer.model if isinstance(retriever.scorer, ModelScorer) else None
        self.num_candidates = (
            retriever.scorer.item_vectors.shape[0]
            if isinstance(retriever.scorer, ModelScorer)
            else vocabulary.num_items
        )
        self.has_queries = model is not None
        self.walker = model if isinstance(model, DimeRec) else None
        self.max_walk_steps = self.walker.max_walk_steps if self.walker else 0
        # Functions of their own, so that the model is traced once for all signatures.
        if self.walker:
            self._interests = tf.function(self.walker.interests, input_signature=[_HISTORY])
            guidance = self._interests.get_concrete_function().structured_outputs
            self._walked = tf.function(
                self.walker.guided_query,
                input_signature=[tf.TensorSpec(guidance.shape, guidance.dtype), _NUMBER, _NUMBER],
            )

    def recommend(self, request: Request) -> dict[str, tf.Tensor]:
        """Answers a batch of requests.

        Returns:
            `item_ids` string and `scores` float32, both `[batch, max(k)]`, '' and 0 past a row's own k or the last item
            that may be returned; `cold_start` bool `[batch]`, true where no item of the history is known and the answer
            is the most popular items.

        Raises:
            InvalidArgumentError: when run, with a `k`, `num_steps` or `diversity_weight` out of bounds, or asked for
                what needs categories without having any.
        """
        message = f"k must lie between 1 and {self.max_k}, the limit this model was exported with."
        history = self.vocabulary.encode(request.history_ids)
        k = tf.broadcast_to(bounded(request.k, 1, self.max_k, message), tf.shape(history)[:1])
        scores, rows = self._best(request, history, k)
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
        return {"interests": tf.cast(self._interests(history), tf.float32), "cold_start": _is_cold(history)}

    def _users(self, history: tf.Tensor, num_steps: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """The scorer's users of histories `[batch, length]`; see `Request` for the rest."""
        message = (
            f"num_steps must lie between 0, the default of this model, and {self.max_walk_steps}."
            if self.max_walk_steps
            else "This model answers without a reverse walk: leave num_steps at 0."
        )
        num_steps = bounded(num_steps, 0, self.max_walk_steps, message)
        if self.max_walk_steps:
            return _walked(self._walked, self._interests(history), num_steps, seed)
        with tf.control_dependencies([num_steps]):
            return self.retriever.scorer.users(tf.identity(history))

    def _best(self, request: Request, history: tf.Tensor, k: tf.Tensor) -> Found:
        """Scores and rows `[batch, max(k)]`, a row's own k of them aggregated where it has a diversity weight.

        Aggregated are `CANDIDATES` x k of them as in benchmarks, but no more than the largest `k` of a request.
        """
        longest = tf.reduce_max(k)
        if self.categories is None:
            with tf.control_dependencies([asks_no_categories(request)]):
                return self._search(request, history, tf.identity(longest))
        weight = tf.broadcast_to(checked_weights(request.diversity_weight), tf.shape(k))
        diverse = tf.reduce_any(weight > 0)
        scores, rows = self._search(
            request, history, tf.where(diverse, tf.minimum(CANDIDATES * longest, self.max_k), longest)
        )
        of = self.categories.of
        return tf.cond(diverse, lambda: aggregate(scores, rows, of(rows), weight, k), lambda: (scores, rows))

    def _search(self, request: Request, history: tf.Tensor, k: tf.Tensor) -> Found:
        """Scores and rows `[batch, k]`; see `Retriever.search`."""
        batch = tf.shape(history)[0]
        seen = tf.where(tf.broadcast_to(request.filter_seen, [batch])[:, tf.newaxis], self._candidates(history), 0)
        blocked = tf.concat([seen, self._rows(request.exclude_ids, batch)], axis=1)
        listed, filed = (_is_asked(names, batch) for names in (request.allow_ids, request.allow_categories))
        users = self._users(history, request.num_steps, request.seed)
        scorer, categories = self.retriever.scorer, self.categories

        def of_all() -> Found:
            return self.retriever.search(history, blocked, k, users)

        def of_listed() -> Found:
            return best_allowed(scorer, history, users, self._rows(request.allow_ids, batch), blocked, k)

        def of_filed() -> Found:
            assert categories
            in_list = marked(self._rows(request.allow_ids, batch), self.num_candidates)
            filed_items = categories.items_in(request.allow_categories)[:, : self.num_candidates]
            allowed = filed_items & (in_list | ~listed)
            return ExactRetriever(scorer).search(history, blocked, k, users, allowed)

        found = tf.zeros([batch, k]), tf.zeros([batch, k], tf.int64)
        found = _answered(~(listed | filed), of_all, found)
        found = _answered(listed & ~filed, of_listed, found)
        return _answered(filed, of_filed, found) if categories else found

    def _rows(self, ids: tf.Tensor, batch: tf.Tensor) -> tf.Tensor:
        """Ids `[batch or 1, any]` to rows `[batch, any]`, 0 for what is no candidate."""
        rows = self._candidates(self.vocabulary.encode(ids))
        return tf.broadcast_to(rows, [batch, tf.shape(rows)[1]])

    def _candidates(self, rows: tf.Tensor) -> tf.Tensor:
        """The rows `[batch, any]` without those of withdrawn items, which are 0."""
        if self.num_candidates == self.vocabulary.num_items:
            return rows
        return tf.where(rows <= self.num_candidates, rows, 0)


def _is_cold(history: tf.Tensor) -> tf.Tensor:
    return tf.logical_not(has_events(history)[:, 0])


def _is_asked(names: tf.Tensor, batch: tf.Tensor) -> tf.Tensor:
    """Which rows name anything: `[batch or 1, any]` to bool `[batch, 1]`."""
    return tf.broadcast_to(tf.reduce_any(names != "", axis=1, keepdims=True), [batch, 1])


def _answered(asked: tf.Tensor, search: Callable[[], Found], found: Found) -> Found:
    """What was found, with the rows `[batch, 1]` that ask for a search from it; without any it does not run."""

    def replaced() -> Found:
        scores, rows = search()
        return tf.where(asked, scores, found[0]), tf.where(asked, rows, found[1])

    return tf.cond(tf.reduce_any(asked), replaced, lambda: found)


def _walked(query: Callable, guidance: tf.Tensor, num_steps: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Queries `[batch, samples, dim]`, in one walk if all rows ask for the same, else in one for each."""
    batch = tf.shape(guidance)[:1]
    alike = tf.reduce_all(num_steps == num_steps[0]) & tf.reduce_all(seed == seed[0])
    rows = guidance, tf.broadcast_to(num_steps, batch), tf.broadcast_to(seed, batch)
    return tf.cond(
        alike,
        lambda: query(guidance, num_steps[0], seed[0]),
        lambda: tf.map_fn(
            lambda row: query(row[0][tf.newaxis], row[1], row[2])[0], rows, fn_output_signature=tf.float32
        ),
    )
