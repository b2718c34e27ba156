from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from dimerec_tf.layers.transformer import CausalTransformer, TransformerBlocks
from tests.layer_checks import check_layer

RNG = np.random.default_rng(0)
VECTORS = RNG.normal(size=(3, 7, 4)).astype(np.float32)
ROWS = np.where(np.arange(7) < np.array([[7], [4], [1]]), 1, 0)


def _layer(dropout: float = 0.0) -> CausalTransformer:
    return CausalTransformer(num_blocks=2, num_heads=2, max_history=9, dropout=dropout)


def test_layer_checks(tmp_path: Path) -> None:
    layer = _layer()
    check_layer(layer, lambda layer: layer(tf.cast(VECTORS, layer.compute_dtype), ROWS), tmp_path, (3, 7, 4))


def test_an_event_does_not_see_what_comes_after_it() -> None:
    layer = _layer()
    whole = layer(VECTORS, ROWS).numpy()
    np.testing.assert_allclose(layer(VECTORS[:, :3], ROWS[:, :3]), whole[:, :3], rtol=1e-4, atol=1e-5)


def test_padding_never_changes_a_state() -> None:
    layer = _layer()
    noise = np.where(ROWS[..., np.newaxis] > 0, VECTORS, 100.0).astype(np.float32)
    present = ROWS > 0
    np.testing.assert_allclose(layer(noise, ROWS)[present], layer(VECTORS, ROWS)[present], rtol=1e-4, atol=1e-5)


def test_dropout_acts_with_a_seed_only_and_repeats_with_it() -> None:
    layer = _layer(dropout=0.5)
    clean = layer(VECTORS, ROWS).numpy()
    dropped = layer(VECTORS, ROWS, seed=tf.constant([1, 2])).numpy()
    np.testing.assert_array_equal(layer(VECTORS, ROWS).numpy(), clean)
    assert not np.allclose(clean, dropped)
    np.testing.assert_array_equal(layer(VECTORS, ROWS, seed=tf.constant([1, 2])), dropped)


def _norm(layer: tf.keras.layers.Layer, states: np.ndarray) -> np.ndarray:
    mean, variance = states.mean(axis=-1, keepdims=True), states.var(axis=-1, keepdims=True)
    return (states - mean) / np.sqrt(variance + layer.epsilon) * layer.gamma.numpy() + layer.beta.numpy()


def _attend(layer: tf.keras.layers.Layer, states: np.ndarray, causal: bool) -> np.ndarray:
    """Two heads, `[events, dim]` to the same, event by event."""
    query, key, value, output = (weight.numpy() for weight in layer.weights)
    attended = np.zeros_like(states)
    for event, head in np.ndindex(len(states), 2):
        seen = states[: event + 1] if causal else states
        logits = (seen @ key[:, head]) @ (states[event] @ query[:, head]) / np.sqrt(key.shape[2])
        weights = np.exp(logits) / np.exp(logits).sum()
        attended[event] += (weights @ (seen @ value[:, head])) @ output[head]
    return attended


def _blocks(layer: TransformerBlocks, states: np.ndarray) -> np.ndarray:
    for block in range(layer.num_blocks):
        attended = _attend(layer.attentions[block], _norm(layer.norms[2 * block], states), layer.causal)
        states = states + attended
        first, second = layer.hiddens[block], layer.outputs_[block]
        hidden = _norm(layer.norms[2 * block + 1], states) @ first.kernel.numpy() + first.bias.numpy()
        change = tf.nn.gelu(hidden).numpy() @ second.kernel.numpy() + second.bias.numpy()
        states = states + change
    return states


@pytest.mark.parametrize("causal", [False, True])
def test_blocks_equal_numpy(causal: bool) -> None:
    layer = TransformerBlocks(num_blocks=2, num_heads=2, causal=causal)
    layer(VECTORS, ROWS)
    layer.set_weights([RNG.normal(size=weight.shape, scale=0.5) for weight in layer.get_weights()])
    for vectors, rows, states in zip(VECTORS, ROWS, layer(VECTORS, ROWS).numpy(), strict=True):
        events = vectors[rows > 0]
        np.testing.assert_allclose(states[: len(events)], _blocks(layer, events), rtol=1e-3, atol=1e-4)


def test_the_causal_transformer_equals_numpy() -> None:
    layer = _layer()
    layer(VECTORS, ROWS)
    layer.set_weights([RNG.normal(size=weight.shape, scale=0.5) for weight in layer.get_weights()])
    for vectors, rows, states in zip(VECTORS, ROWS, layer(VECTORS, ROWS).numpy(), strict=True):
        events = vectors[rows > 0] * 2 + layer.positions.numpy()[: (rows > 0).sum()]
        expected = _norm(layer.norm, _blocks(layer.blocks, events))
        np.testing.assert_allclose(states[: len(events)], expected, rtol=1e-3, atol=1e-4)


def test_the_configuration_comes_back() -> None:
    twin = CausalTransformer.from_config(CausalTransformer(3, 2, 9, dropout=0.4).get_config())
    assert (twin.num_blocks, twin.num_heads, twin.max_history, twin.dropout, twin.blocks.dropout) == (3, 2, 9, 0.4, 0.4)
