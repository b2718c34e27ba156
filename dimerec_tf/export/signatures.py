"""The signatures that clients ask."""

from collections.abc import Callable, Mapping

import tensorflow as tf

from dimerec_tf.export.module import RecommenderModule
from dimerec_tf.export.request import Request
from dimerec_tf.features import HISTORY

K, FILTER_SEEN, NUM_STEPS, SEED = "k", "filter_seen", "num_steps", "seed"
EXCLUDE, ALLOW, ALLOW_CATEGORIES = "exclude_item_ids", "allow_item_ids", "allow_categories"
DIVERSITY = "diversity_weight"


def serving_signatures(module: RecommenderModule, default_k: int) -> dict[str, Callable]:
    """Signatures over raw item ids; what answers them is `RecommenderModule`.

    `serving_default` takes padded ids and `serve_examples` serialised tf.Examples, and both recommend; `embed` and
    `interests` give vectors, where the model has such.

    Args:
        module: answers.
        default_k: `k` where a request does not say.
    """
    defaults = default_inputs(module, default_k)
    recommend = _recommend_function(module, defaults)
    signatures = {"serving_default": recommend, "serve_examples": _examples_function(recommend, defaults)}
    if module.has_queries:
        signatures["embed"] = _embed_function(module, defaults)
    if module.walker:
        signatures["interests"] = _interests_function(module)
    return signatures


def default_inputs(module: RecommenderModule, default_k: int) -> dict[str, tf.Tensor]:
    """What `serving_default` takes for inputs that are not sent, one row each."""
    return {
        K: tf.constant([default_k]),
        EXCLUDE: tf.constant([[""]]),
        FILTER_SEEN: tf.constant([False]),
        ALLOW: tf.constant([[""]]),
        NUM_STEPS: tf.constant([0]),
        SEED: tf.constant([module.walker.seed if module.walker else 0]),
        ALLOW_CATEGORIES: tf.constant([[""]]),
        DIVERSITY: tf.constant([0.0]),
    }


def _recommend_function(module: RecommenderModule, defaults: Mapping[str, tf.Tensor]) -> Callable:
    @tf.function(
        input_signature=[
            tf.TensorSpec([None, None], tf.string, HISTORY),
            tf.TensorSpec([None], tf.int32, K),
            tf.TensorSpec([None, None], tf.string, EXCLUDE),
            tf.TensorSpec([None], tf.bool, FILTER_SEEN),
            tf.TensorSpec([None, None], tf.string, ALLOW),
            tf.TensorSpec([None], tf.int32, NUM_STEPS),
            tf.TensorSpec([None], tf.int32, SEED),
            tf.TensorSpec([None, None], tf.string, ALLOW_CATEGORIES),
            tf.TensorSpec([None], tf.float32, DIVERSITY),
        ]
    )
    def serve(
        history_item_ids: tf.Tensor,
        k: tf.Tensor = defaults[K],
        exclude_item_ids: tf.Tensor = defaults[EXCLUDE],
        filter_seen: tf.Tensor = defaults[FILTER_SEEN],
        allow_item_ids: tf.Tensor = defaults[ALLOW],
        num_steps: tf.Tensor = defaults[NUM_STEPS],
        seed: tf.Tensor = defaults[SEED],
        allow_categories: tf.Tensor = defaults[ALLOW_CATEGORIES],
        diversity_weight: tf.Tensor = defaults[DIVERSITY],
    ) -> dict[str, tf.Tensor]:
        return module.recommend(
            Request(
                history_item_ids,
                k,
                exclude_item_ids,
                filter_seen,
                allow_item_ids,
                num_steps,
                seed,
                allow_categories,
                diversity_weight,
            )
        )

    return serve


def _examples_function(recommend: Callable, defaults: Mapping[str, tf.Tensor]) -> Callable:
    ids = tf.io.RaggedFeature(tf.string, row_splits_dtype=tf.int64)
    names = dict.fromkeys((HISTORY, EXCLUDE, ALLOW, ALLOW_CATEGORIES), ids)
    numbers = {
        name: tf.io.FixedLenFeature([], tf.int64, int(defaults[name][0])) for name in (K, FILTER_SEEN, NUM_STEPS, SEED)
    } | {DIVERSITY: tf.io.FixedLenFeature([], tf.float32, 0.0)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "examples")])
    def serve_examples(examples: tf.Tensor) -> dict[str, tf.Tensor]:
        features = tf.io.parse_example(examples, {**names, **numbers})
        features |= {name: tf.saturate_cast(features[name], tf.int32) for name in (K, NUM_STEPS, SEED)}
        return recommend(
            features[HISTORY].to_tensor(),
            features[K],
            features[EXCLUDE].to_tensor(),
            features[FILTER_SEEN] != 0,
            features[ALLOW].to_tensor(),
            features[NUM_STEPS],
            features[SEED],
            features[ALLOW_CATEGORIES].to_tensor(),
            features[DIVERSITY],
        )

    return serve_examples


def _embed_function(module: RecommenderModule, defaults: Mapping[str, tf.Tensor]) -> Callable:
    @tf.function(
        input_signature=[
            tf.TensorSpec([None, None], tf.string, HISTORY),
            tf.TensorSpec([None], tf.int32, NUM_STEPS),
            tf.TensorSpec([None], tf.int32, SEED),
        ]
    )
    def embed(
        history_item_ids: tf.Tensor,
        num_steps: tf.Tensor = defaults[NUM_STEPS],
        seed: tf.Tensor = defaults[SEED],
    ) -> dict[str, tf.Tensor]:
        return module.embed(history_item_ids, num_steps, seed)

    return embed


def _interests_function(module: RecommenderModule) -> Callable:
    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.string, HISTORY)])
    def interests(history_item_ids: tf.Tensor) -> dict[str, tf.Tensor]:
        return module.interests(history_item_ids)

    return interests
