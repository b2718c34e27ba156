"""The signatures that the Evaluator reads, over serialised tf.Examples with a history and a target."""

from collections.abc import Callable

import tensorflow as tf

from dimerec_tf.config_evaluation import LENGTH_SLICES, POPULARITY_SLICES, SLICE_NAMES, EvaluationConfig
from dimerec_tf.features import HISTORY, TARGET, ItemVocabulary


def evaluator_signatures(
    recommend: Callable, vocabulary: ItemVocabulary, evaluation: EvaluationConfig
) -> dict[str, Callable]:
    """`evaluate`: the ids that are counted, `[batch, max(top_k)]`; `slices`: what groups each example belongs to.

    Args:
        recommend: the signature that clients ask; what it answers is what is counted.
        vocabulary: the catalogue.
        evaluation: how many items, and whether seen ones are left out.
    """
    return {"evaluate": _evaluate_function(recommend, evaluation), "slices": _slices_function(vocabulary)}


def _evaluate_function(recommend: Callable, evaluation: EvaluationConfig) -> Callable:
    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "examples")])
    def evaluate(examples: tf.Tensor) -> dict[str, tf.Tensor]:
        history = _parse(examples)[HISTORY].to_tensor()
        k, filter_seen = tf.constant([max(evaluation.top_k)]), tf.constant([evaluation.filter_seen])
        return {"topk_item_id": recommend(history, k=k, filter_seen=filter_seen)["item_ids"]}

    return evaluate


def _slices_function(vocabulary: ItemVocabulary) -> Callable:
    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "examples")])
    def slices(examples: tf.Tensor) -> dict[str, tf.Tensor]:
        features = _parse(examples)
        lengths = features[HISTORY].row_lengths()
        target_rows = vocabulary.table.lookup(features[TARGET]) + 1
        return {
            "history_length": tf.gather(SLICE_NAMES["history_length"], _bucket(lengths, LENGTH_SLICES)),
            "target_popularity": _popularity(target_rows, vocabulary.num_items),
        }

    return slices


def _parse(examples: tf.Tensor) -> dict[str, tf.Tensor | tf.RaggedTensor]:
    return tf.io.parse_example(
        examples,
        {
            HISTORY: tf.io.RaggedFeature(tf.string, row_splits_dtype=tf.int64),
            TARGET: tf.io.FixedLenFeature([], tf.string),
        },
    )


def _popularity(rows: tf.Tensor, num_items: int) -> tf.Tensor:
    """Names the share of the catalogue, by popularity, that each target row belongs to."""
    limits = [max(int(share * num_items), 1) for share in POPULARITY_SLICES]
    *names, unknown = SLICE_NAMES["target_popularity"]
    return tf.where(rows > 0, tf.gather(names, _bucket(rows, [limit + 1 for limit in limits])), unknown)


def _bucket(values: tf.Tensor, boundaries: list[int] | tuple[int, ...]) -> tf.Tensor:
    """How many boundaries each value has reached."""
    return tf.searchsorted(tf.constant(boundaries, values.dtype), values, side="right")
