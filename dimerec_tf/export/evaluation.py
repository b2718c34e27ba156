"""The signatures that the Evaluator reads, over serialised tf.Examples with a history and a target."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from dimerec_tf.config_evaluation import LENGTH_SLICES, POPULARITY_SLICES, SLICE_NAMES, EvaluationConfig
from dimerec_tf.export.module import RecommenderModule
from dimerec_tf.features import HISTORY, PERIOD, TARGET
from dimerec_tf.retrieval.categories import ItemCategories

CATEGORY_SLICES = 30


def evaluator_signatures(
    recommend: Callable, module: RecommenderModule, evaluation: EvaluationConfig
) -> dict[str, Callable]:
    """`evaluate`: the ids that are counted, and what is known of them; `slices`: what groups each example belongs to.

    Outputs of `evaluate`, where k is `max(top_k)`:
        `topk_item_id` string `[batch, k]`, best first, '' past the end of the catalogue.
        `catalogue_items` int64 `[batch]`, how many items there are.
        `topk_train_events` `[batch, k]` and `catalogue_train_events` `[batch]`, int64, of an export that knows them.
        `topk_categories` int32 `[batch, k, most]`, each id's categories by number, 0 past the last; if there are any.

    Args:
        recommend: the signature that clients ask; what it answers is what is counted.
        module: what it is of.
        evaluation: how many items, and whether seen ones are left out.
    """
    return {"evaluate": _evaluate_function(recommend, module, evaluation), "slices": _slices_function(module)}


def _evaluate_function(recommend: Callable, module: RecommenderModule, evaluation: EvaluationConfig) -> Callable:
    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "examples")])
    def evaluate(examples: tf.Tensor) -> dict[str, tf.Tensor]:
        history = _parse(examples)[HISTORY].to_tensor()
        k, filter_seen = tf.constant([max(evaluation.top_k)]), tf.constant([evaluation.filter_seen])
        item_ids = recommend(history, k=k, filter_seen=filter_seen)["item_ids"]
        return {"topk_item_id": item_ids, **_known_of(module, item_ids)}

    return evaluate


def _known_of(module: RecommenderModule, item_ids: tf.Tensor) -> dict[str, tf.Tensor]:
    rows = module.vocabulary.table.lookup(item_ids) + 1
    batch = tf.shape(item_ids)[:1]
    known = {"catalogue_items": tf.fill(batch, tf.constant(module.vocabulary.num_items, tf.int64))}
    if module.train_events is not None:
        events = tf.convert_to_tensor(module.train_events)
        known["topk_train_events"] = tf.gather(events, rows)
        known["catalogue_train_events"] = tf.fill(batch, tf.reduce_sum(events))
    if module.categories:
        known["topk_categories"] = module.categories.of(rows)
    return known


def _slices_function(module: RecommenderModule) -> Callable:
    vocabulary = module.vocabulary
    categories = category_slices(module.categories) if module.categories else None

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "examples")])
    def slices(examples: tf.Tensor) -> dict[str, tf.Tensor]:
        features = _parse(examples)
        lengths = features[HISTORY].row_lengths()
        target_rows = vocabulary.table.lookup(features[TARGET]) + 1
        names = {
            "history_length": tf.gather(SLICE_NAMES["history_length"], _bucket(lengths, LENGTH_SLICES)),
            "target_popularity": _popularity(target_rows, vocabulary.num_items),
            "time": features[PERIOD],
        }
        if categories:
            names["category"] = categories(target_rows)
        return names

    return slices


def _parse(examples: tf.Tensor) -> dict[str, tf.Tensor | tf.RaggedTensor]:
    return tf.io.parse_example(
        examples,
        {
            HISTORY: tf.io.RaggedFeature(tf.string, row_splits_dtype=tf.int64),
            TARGET: tf.io.FixedLenFeature([], tf.string),
            PERIOD: tf.io.FixedLenFeature([], tf.string, "unknown"),
        },
    )


def _popularity(rows: tf.Tensor, num_items: int) -> tf.Tensor:
    """Names the share of the catalogue, by popularity, that each target row belongs to."""
    limits = [max(int(share * num_items), 1) for share in POPULARITY_SLICES]
    *names, unknown = SLICE_NAMES["target_popularity"]
    return tf.where(rows > 0, tf.gather(names, _bucket(rows, [limit + 1 for limit in limits])), unknown)


def category_slices(categories: ItemCategories) -> Callable[[tf.Tensor], tf.Tensor]:
    """A function from rows `[batch]` to their categories' names `[batch, most]`, the first one again past the last.

    Beyond the `CATEGORY_SLICES` with the most items a category is called `other`; a row without any has `none`.
    """
    sizes = np.diff(categories.rows_of.splits.numpy())[1:]
    names = categories.names.numpy()
    names[0], names[np.argsort(-sizes, kind="stable")[CATEGORY_SLICES:] + 1] = b"none", b"other"

    def of(rows: tf.Tensor) -> tf.Tensor:
        numbers = tf.pad(categories.of(rows[:, tf.newaxis])[:, 0], [[0, 0], [0, 1]])  # so that there is a first one
        return tf.gather(tf.constant(names), tf.where(numbers > 0, numbers, numbers[:, :1]))

    return of


def _bucket(values: tf.Tensor, boundaries: list[int] | tuple[int, ...]) -> tf.Tensor:
    """How many boundaries each value has reached."""
    return tf.searchsorted(tf.constant(boundaries, values.dtype), values, side="right")
