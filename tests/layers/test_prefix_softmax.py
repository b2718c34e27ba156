"""Means over every prefix, against plain numpy one prefix after the other."""

import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

from dimerec_tf.layers.prefix_softmax import BLOCK, prefix_means

INTERESTS, DIM = 2, 3


def _inputs(length: int, scale: float = 3.0) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Rows with all events, half of them, holes, and none."""
    rng = np.random.default_rng(length)
    logits = scale * rng.normal(size=(4, length, INTERESTS))
    mask = np.array([np.ones(length), np.arange(length) < length // 2, rng.random(length) < 0.3, np.zeros(length)]) > 0
    return logits, rng.normal(size=(4, length, DIM)), mask


def _means(
    logits: NDArray[np.float64], values: NDArray[np.float64], mask: NDArray[np.bool_], dtype: tf.DType
) -> tf.Tensor:
    return prefix_means(tf.cast(logits, dtype), tf.cast(values, dtype), tf.constant(mask))


def _one_by_one(logits: NDArray[np.float64], values: NDArray[np.float64], mask: NDArray[np.bool_]) -> NDArray:
    means = np.zeros((*logits.shape, values.shape[-1]))
    for row, prefix in np.ndindex(mask.shape):
        events = np.flatnonzero(mask[row, : prefix + 1])
        if len(events):
            of_prefix = logits[row, events]
            weights = np.exp(of_prefix - of_prefix.max(axis=0))
            means[row, prefix] = (weights / weights.sum(axis=0)).T @ values[row, events]
    return means


@pytest.mark.parametrize("length", [1, BLOCK - 1, BLOCK, BLOCK + 1, 5 * BLOCK + 3])
def test_equals_one_prefix_after_the_other(length: int) -> None:
    logits, values, mask = _inputs(length)
    expected = _one_by_one(logits, values, mask)
    np.testing.assert_allclose(_means(logits, values, mask, tf.float64), expected, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(_means(logits, values, mask, tf.float32), expected, rtol=1e-4, atol=1e-5)


def test_early_events_of_low_logits_keep_their_prefixes() -> None:
    """A running sum of exp(logit - largest) is zero for the first half here, and without the shift infinite after."""
    logits, values, mask = _inputs(4 * BLOCK)
    logits[:, : 2 * BLOCK] -= 500
    logits[:, 2 * BLOCK :] += 500
    means = _means(logits, values, mask, tf.float32)
    np.testing.assert_allclose(means, _one_by_one(logits, values, mask), rtol=1e-3, atol=1e-4)


def test_long_histories_of_half_precision_are_weighed_in_full() -> None:
    logits, values, mask = _inputs(40 * BLOCK)
    half = _means(logits, values, mask, tf.bfloat16)
    assert half.dtype == tf.bfloat16
    rounded = tf.cast(tf.cast(logits, tf.bfloat16), tf.float64).numpy()
    error = tf.cast(half, tf.float64) - _one_by_one(rounded, values, mask)
    assert float(tf.sqrt(tf.reduce_mean(error**2))) < 0.01  # bfloat16 has 8 bits


def test_gradients_equal_finite_differences() -> None:
    logits, values, mask = _inputs(BLOCK + 2)
    weight = np.random.default_rng(0).normal(size=(*logits.shape, DIM))
    analytic, numeric = tf.test.compute_gradient(
        lambda logits, values: tf.reduce_sum(weight * prefix_means(logits, values, mask)),
        [tf.constant(logits), tf.constant(values)],
    )
    for theirs, ours in zip(numeric, analytic, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-7)


def test_twice_the_history_takes_twice_the_memory() -> None:
    def elements(length: int) -> int:
        signature = [tf.TensorSpec([1, length, INTERESTS]), tf.TensorSpec([1, length, DIM])]
        graph = tf.function(prefix_means).get_concrete_function(*signature, tf.TensorSpec([1, length], tf.bool)).graph
        shapes = [output.shape for operation in graph.get_operations() for output in operation.outputs]
        assert all(shape.is_fully_defined() for shape in shapes)
        return sum(shape.num_elements() for shape in shapes)

    assert elements(64 * BLOCK) < 2.3 * elements(32 * BLOCK)
