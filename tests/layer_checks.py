"""One set of checks that every layer must pass."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf

Call = Callable[[tf.keras.layers.Layer], tf.Tensor]


def check_layer(layer: tf.keras.layers.Layer, call: Call, tmp_path: Path, output_shape: tuple[int, ...]) -> None:
    """Shape, dtype, gradients, `get_config` round trip, mixed precision, and weights through a checkpoint.

    Args:
        layer: not built yet.
        call: calls the layer on fixed inputs of its choice.
        tmp_path: for the checkpoint.
        output_shape: what the call must return.
    """
    tf.keras.utils.set_random_seed(0)
    output = call(layer)
    assert output.shape == output_shape
    assert output.dtype == tf.float32
    _check_gradients(layer, call)
    twin = type(layer).from_config(layer.get_config())
    assert twin.get_config() == layer.get_config()
    assert not layer.weights or not np.allclose(call(twin), output), "a fresh layer must not answer like a trained one"
    tf.train.Checkpoint(layer=layer).write(str(tmp_path / "layer"))
    tf.train.Checkpoint(layer=twin).read(str(tmp_path / "layer")).assert_consumed()
    np.testing.assert_array_equal(call(twin), output)
    _check_mixed_precision(layer, call, output)


def _check_gradients(layer: tf.keras.layers.Layer, call: Call) -> None:
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(call(layer) ** 2)
    for variable, gradient in zip(
        layer.trainable_variables, tape.gradient(loss, layer.trainable_variables), strict=True
    ):
        assert gradient is not None, variable.name
        dense = tf.convert_to_tensor(gradient)
        assert np.isfinite(dense).all() and np.any(dense != 0), variable.name


def _check_mixed_precision(layer: tf.keras.layers.Layer, call: Call, expected: tf.Tensor) -> None:
    half = type(layer).from_config({**layer.get_config(), "dtype": "mixed_bfloat16"})
    call(half)
    half.set_weights(layer.get_weights())
    assert all(variable.dtype == tf.float32 for variable in half.variables)
    output = call(half)
    assert output.dtype == tf.bfloat16
    np.testing.assert_allclose(tf.cast(output, tf.float32), expected, rtol=0.1, atol=0.05)
