"""The exported module: signatures over raw item ids."""

from collections.abc import Callable

import tensorflow as tf

from dimerec_tf.features import HISTORY, TARGET, ItemVocabulary
from dimerec_tf.retrieval.exact import Retriever, has_events

POPULARITY_SLICES = (0.01, 0.05, 0.2)
LENGTH_SLICES = (5, 20, 50, 200)


class RecommenderModule(tf.Module):
    """A retriever with its vocabulary, ready for `tf.saved_model.save`.

    Args:
        retriever: searches rows.
        vocabulary: maps ids to rows and back.
        max_k: the largest `k` a request may ask for.
        default_k: `k` where a request does not say.
        evaluated_k: how many ids the `evaluate` signature returns.
        evaluate_filter_seen: whether `evaluate` leaves out the items of the user's own history.
    """

    def __init__(
        self,
        retriever: Retriever,
        vocabulary: ItemVocabulary,
        max_k: int,
        default_k: int,
        evaluated_k: int,
        evaluate_filter_seen: bool,
    ) -> None:
        super().__init__()
        self.retriever = retriever
        self.vocabulary = vocabulary
        self.max_k = max_k
        self.default_k = default_k
        self.evaluated_k = evaluated_k
        self.evaluate_filter_seen = evaluate_filter_seen

    def signatures(self) -> dict[str, Callable]:
        """`serving_default` for clients; `evaluate` and `slices` for the Evaluator."""
        return {
            "serving_default": self._recommend_function(),
            "evaluate": self._evaluate_function(),
            "slices": self._slices_function(),
        }

    def recommend(
        self, history_ids: tf.Tensor | tf.RaggedTensor, k: tf.Tensor, exclude_ids: tf.Tensor, filter_seen: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """Answers a batch of requests.

        Args:
            history_ids: string `[batch, length]`, oldest first; '' is padding and unknown ids are ignored.
            k: int32 `[batch]` or `[1]`.
            exclude_ids: string `[batch or 1, any]`, never returned.
            filter_seen: bool `[batch]` or `[1]`; whether the history's items are left out too.

        Returns:
            `item_ids` string and `scores` float32, both `[batch, max(k)]`, '' and 0 past a row's own k or the end of
            the catalogue; `cold_start` bool `[batch]`, true where no item of the history is known and the answer is
            the most popular items.
        """
        history = self.vocabulary.encode(history_ids)
        batch = tf.shape(history)[0]
        seen = tf.where(tf.broadcast_to(filter_seen, [batch])[:, tf.newaxis], history, 0)
        excluded = self.vocabulary.encode(exclude_ids)
        excluded = tf.broadcast_to(excluded, [batch, tf.shape(excluded)[1]])
        scores, rows = self.retriever.search(history, tf.concat([seen, excluded], axis=1), tf.reduce_max(k))
        wanted = tf.range(tf.shape(rows)[1])[tf.newaxis] < k[:, tf.newaxis]
        return {
            "item_ids": self.vocabulary.decode(tf.where(wanted, rows, 0)),
            "scores": tf.where(wanted, scores, 0.0),
            "cold_start": tf.logical_not(has_events(history)[:, 0]),
        }

    def _recommend_function(self) -> Callable:
        @tf.function(
            input_signature=[
                tf.TensorSpec([None, None], tf.string, HISTORY),
                tf.TensorSpec([None], tf.int32, "k"),
                tf.TensorSpec([None, None], tf.string, "exclude_item_ids"),
                tf.TensorSpec([None], tf.bool, "filter_seen"),
            ]
        )
        def serve(
            history_item_ids: tf.Tensor,
            k: tf.Tensor = tf.constant([self.default_k]),
            exclude_item_ids: tf.Tensor = tf.constant([[""]]),
            filter_seen: tf.Tensor = tf.constant([False]),
        ) -> dict[str, tf.Tensor]:
            message = f"k must lie between 1 and {self.max_k}, the limit this model was exported with."
            checks = [
                tf.debugging.assert_greater_equal(k, 1, message=message),
                tf.debugging.assert_less_equal(k, self.max_k, message=message),
            ]
            with tf.control_dependencies(checks):
                return self.recommend(history_item_ids, tf.identity(k), exclude_item_ids, filter_seen)

        return serve

    def _evaluate_function(self) -> Callable:
        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "examples")])
        def evaluate(examples: tf.Tensor) -> dict[str, tf.Tensor]:
            answer = self.recommend(
                _parse(examples)[HISTORY],
                tf.constant([self.evaluated_k]),
                tf.constant([[""]]),
                tf.constant([self.evaluate_filter_seen]),
            )
            return {"topk_item_id": answer["item_ids"]}

        return evaluate

    def _slices_function(self) -> Callable:
        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "examples")])
        def slices(examples: tf.Tensor) -> dict[str, tf.Tensor]:
            features = _parse(examples)
            lengths = features[HISTORY].row_lengths()
            target_rows = self.vocabulary.table.lookup(features[TARGET]) + 1
            return {
                "history_length": tf.gather(_length_names(), _bucket(lengths, LENGTH_SLICES)),
                "target_popularity": self._popularity(target_rows),
            }

        return slices

    def _popularity(self, rows: tf.Tensor) -> tf.Tensor:
        """Names the share of the catalogue, by popularity, that each target row belongs to."""
        limits = [max(int(share * self.vocabulary.num_items), 1) for share in POPULARITY_SLICES]
        names = [f"top {share:.0%}" for share in POPULARITY_SLICES] + ["rest"]
        return tf.where(rows > 0, tf.gather(names, _bucket(rows, [limit + 1 for limit in limits])), "unknown")


def _parse(examples: tf.Tensor) -> dict[str, tf.Tensor | tf.RaggedTensor]:
    return tf.io.parse_example(
        examples,
        {
            HISTORY: tf.io.RaggedFeature(tf.string, row_splits_dtype=tf.int64),
            TARGET: tf.io.FixedLenFeature([], tf.string),
        },
    )


def _bucket(values: tf.Tensor, boundaries: list[int] | tuple[int, ...]) -> tf.Tensor:
    """How many boundaries each value has reached."""
    return tf.searchsorted(tf.constant(boundaries, values.dtype), values, side="right")


def _length_names() -> list[str]:
    starts = (0, *LENGTH_SLICES)
    return [f"{low}-{high - 1}" for low, high in zip(starts, LENGTH_SLICES, strict=False)] + [f"{starts[-1]}+"]
