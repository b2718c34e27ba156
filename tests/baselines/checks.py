"""One set of checks that every learned baseline must pass, and what their tests share."""

from typing import Any

import numpy as np
import tensorflow as tf

from dimerec_tf.config import Config, parse_config
from dimerec_tf.models.base import SequenceModel
from dimerec_tf.models.registry import build_model
from dimerec_tf.training.fit import fit
from dimerec_tf.training.sequences import Sequences

NUM_ITEMS = 30
COUNTS = np.arange(NUM_ITEMS + 1)[::-1].copy()
WINDOWS = tf.constant([[1, 2, 3, 4, 5], [7, 8, 9, 0, 0]], tf.int64)
FULL = {"kind": "full"}


def config_of(kind: str, training: dict[str, Any] | None = None, **options: Any) -> Config:
    """A small configuration of a kind of model."""
    return parse_config({"model": {"kind": kind, "dim": 8, "max_history": 6, **options}, "training": training or {}})


def build(kind: str, **options: Any) -> SequenceModel:
    """A small untrained model, the same one each time."""
    tf.keras.utils.set_random_seed(5)
    return build_model(config_of(kind, **options).model, COUNTS, seed=4)


def check_model(kind: str, queries: int = 1, **options: Any) -> None:
    """Gradients, repetition, independence of padding and of the batch, tracing, and weights into another model."""
    model = build(kind, **options)
    _check_gradients(model)
    _check_repetition(kind, options)
    assert model.query(WINDOWS).shape == (2, queries, model.item_vectors().shape[1])
    assert model.item_vectors().shape[0] == NUM_ITEMS
    _check_query_is_the_users_alone(model)
    _check_tracing(model)
    twin = build(kind, **options)
    twin.set_weights([np.random.default_rng(0).normal(size=weight.shape) for weight in model.get_weights()])
    assert not np.allclose(twin.query(WINDOWS), model.query(WINDOWS))
    twin.set_weights(model.get_weights())
    np.testing.assert_array_equal(twin.query(WINDOWS), model.query(WINDOWS))
    np.testing.assert_array_equal(twin.item_vectors(), model.item_vectors())


def _check_gradients(model: SequenceModel) -> None:
    built = len(model.trainable_variables)
    with tf.GradientTape() as tape:
        loss = model.compute_loss(WINDOWS, training=True)
    assert len(model.trainable_variables) == built > 0, "every weight must exist before the first training step"
    for variable, gradient in zip(
        model.trainable_variables, tape.gradient(loss, model.trainable_variables), strict=True
    ):
        assert gradient is not None, variable.name
        dense = tf.convert_to_tensor(gradient)
        assert np.isfinite(dense).all() and np.any(dense != 0), variable.name


def _check_repetition(kind: str, options: dict[str, Any]) -> None:
    losses = []
    for _ in range(2):
        model = build(kind, **options)
        losses.append([float(model.compute_loss(WINDOWS, training=True)) for _ in range(2)])
    assert losses[0] == losses[1]
    wider = tf.pad(WINDOWS, [[0, 0], [0, 1]])
    model = build(kind, **options)
    np.testing.assert_allclose(model.compute_loss(wider), model.compute_loss(WINDOWS), rtol=1e-5)


def _check_query_is_the_users_alone(model: SequenceModel) -> None:
    whole = model.query(WINDOWS).numpy()
    np.testing.assert_allclose(model.query(tf.pad(WINDOWS, [[0, 0], [0, 3]])), whole, rtol=1e-3, atol=1e-5)
    for user, length in enumerate([5, 3]):
        alone = model.query(WINDOWS[user : user + 1, :length])
        np.testing.assert_allclose(alone, whole[user : user + 1], rtol=1e-3, atol=1e-5)


def _check_tracing(model: SequenceModel) -> None:
    traced = tf.function(model.query, input_signature=[tf.TensorSpec([None, None], tf.int64)])
    np.testing.assert_allclose(traced(WINDOWS), model.query(WINDOWS), rtol=1e-4, atol=1e-5)
    assert np.isfinite(traced(tf.zeros([2, 0], tf.int64))).all(), "a request may hold no known item"
    assert traced(tf.zeros([0, 4], tf.int64)).shape[0] == 0


def cut_to_last(model: SequenceModel, count: int) -> bool:
    """Whether only the last `count` events of a history reach the query."""
    long = tf.constant([[7, 7, 7, 1, 2, 3, 4, 5, 6]], tf.int64)
    return np.allclose(model.query(long), model.query(long[:, -count:]), rtol=1e-4, atol=1e-5)


def cross_entropy(queries: np.ndarray, items: np.ndarray, target: int) -> float:
    """-log softmax of a target row, in plain numpy: `[dim]` and `[num_items, dim]`."""
    logits = items.astype(np.float64) @ queries.astype(np.float64)
    return float(np.log(np.exp(logits).sum()) - logits[target - 1])


def ring() -> Sequences:
    """Users who walk round a ring of items."""
    starts = np.random.default_rng(3).integers(0, NUM_ITEMS, 40)
    return Sequences.from_lists([[(start + step) % NUM_ITEMS + 1 for step in range(12)] for start in starts])


def ring_hits(kind: str, epochs: int, learning_rate: float = 0.01, **options: Any) -> float:
    """Trains on the ring; the share of histories whose true next item is in the top 3."""
    training = {"epochs": epochs, "batch_size": 8, "learning_rate": learning_rate}
    model = fit(config_of(kind, training, **{"dim": 16, **options}), ring(), NUM_ITEMS)
    histories = np.array([[(start + step) % NUM_ITEMS + 1 for step in range(6)] for start in range(NUM_ITEMS)])
    best = top_items(model, histories, 3)
    return float(np.mean([target in row for target, row in zip(histories[:, -1] % NUM_ITEMS + 1, best, strict=True)]))


def top_items(model: SequenceModel, histories: np.ndarray, k: int) -> np.ndarray:
    """The rows that score best: `[batch, k]`."""
    scores = tf.einsum("bqd,vd->bqv", model.query(tf.constant(histories, tf.int64)), model.item_vectors())
    return np.argsort(-np.max(scores, axis=1), axis=1)[:, :k] + 1
