from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from dimerec_tf.layers.layer_norm import LayerNorm
from tests.layer_checks import check_layer
from tests.transformer_oracle import norm

STATES = np.random.default_rng(2).normal(3, 2, (4, 5, 8)).astype(np.float32)


def make_layer() -> LayerNorm:
    layer = LayerNorm(gamma_initializer="random_normal", beta_initializer="random_normal")
    layer.build([None, None, 8])
    return layer


def test_it_passes_the_checks_of_all_layers(tmp_path: Path) -> None:
    layer = LayerNorm(gamma_initializer="random_normal", beta_initializer="random_normal")
    check_layer(layer, lambda built: built(tf.constant(STATES, built.compute_dtype)), tmp_path, (4, 5, 8))


@pytest.mark.parametrize("shift", [0.0, 100.0])
def test_it_equals_the_formula(shift: float) -> None:
    layer = make_layer()
    np.testing.assert_allclose(layer(STATES + shift), norm(layer, STATES + shift), atol=1e-4)


def test_it_equals_keras_in_values_and_gradients() -> None:
    layer, keras = make_layer(), tf.keras.layers.LayerNormalization()
    keras.build([None, None, 8])
    keras.set_weights(layer.get_weights())
    states = tf.constant(STATES)
    found = []
    for each in (layer, keras):
        with tf.GradientTape() as tape:
            tape.watch(states)
            loss = tf.reduce_sum(each(states) ** 3)
        found.append([loss, *tape.gradient(loss, [states, *each.trainable_variables])])
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-4)


def test_a_constant_row_gives_the_offset() -> None:
    layer = make_layer()
    np.testing.assert_allclose(layer(tf.ones([2, 8])), np.tile(layer.beta.numpy(), [2, 1]), atol=1e-5)
