from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from dimerec_tf.layers.transformer import CausalTransformer, TransformerBlocks
from tests.layer_checks import check_layer
from tests.transformer_oracle import blocks, norm

RNG = np.random.default_rng(0)
VECTORS = RNG.normal(size=(3, 7, 4)).astype(np.float32)
ROWS = np.where(np.arange(7) < np.array([[7], [4], [1]]), 1, 0)


def _layer(dropout: float = 0.0) -> CausalTransformer:
    return CausalTransformer(num_blocks=2, num_heads=2, max_history=9, dropout=dropout)


def test_layer_checks(tmp_path: Path) -> None:
    layer = _layer()
    check_layer(layer, lambda layer: layer(tf.cast(VECTORS, layer.compute_dtype), ROWS), tmp_path, (3, 7, 4))


@pytest.mark.parametrize("causal", [False, True])
def test_blocks_layer_checks(causal: bool, tmp_path: Path) -> None:
    layer = TransformerBlocks(num_blocks=2, num_heads=2, causal=causal, dropout=0.3)
    check_layer(layer, lambda layer: layer(tf.cast(VECTORS, layer.compute_dtype), ROWS), tmp_path, (3, 7, 4))
    twin = TransformerBlocks.from_config(layer.get_config())
    assert (twin.num_blocks, twin.num_heads, twin.causal, twin.dropout) == (2, 2, causal, 0.3)


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


@pytest.mark.parametrize("causal", [False, True])
def test_blocks_equal_numpy(causal: bool) -> None:
    layer = TransformerBlocks(num_blocks=2, num_heads=2, causal=causal)
    layer(VECTORS, ROWS)
    layer.set_weights([RNG.normal(size=weight.shape, scale=0.5) for weight in layer.get_weights()])
    for vectors, rows, states in zip(VECTORS, ROWS, layer(VECTORS, ROWS).numpy(), strict=True):
        events = vectors[rows > 0]
        np.testing.assert_allclose(states[: len(events)], blocks(layer, events), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("causal", [False, True])
def test_wanted_states_are_those_of_all_events(causal: bool) -> None:
    layer = TransformerBlocks(num_blocks=2, num_heads=2, causal=causal)
    everything = layer(VECTORS, ROWS).numpy()
    wanted = np.array([[0, 2, 1, 2]] * len(ROWS))
    some = layer(VECTORS, ROWS, wanted=tf.constant(wanted)).numpy()
    np.testing.assert_allclose(some, np.take_along_axis(everything, wanted[..., np.newaxis], axis=1), atol=1e-5)


def test_the_causal_transformer_equals_numpy() -> None:
    layer = _layer()
    layer(VECTORS, ROWS)
    layer.set_weights([RNG.normal(size=weight.shape, scale=0.5) for weight in layer.get_weights()])
    for vectors, rows, states in zip(VECTORS, ROWS, layer(VECTORS, ROWS).numpy(), strict=True):
        events = vectors[rows > 0] * 2 + layer.positions.numpy()[: (rows > 0).sum()]
        expected = norm(layer.norm, blocks(layer.blocks, events))
        np.testing.assert_allclose(states[: len(events)], expected, rtol=1e-3, atol=1e-4)


def test_the_configuration_comes_back() -> None:
    twin = CausalTransformer.from_config(CausalTransformer(3, 2, 9, dropout=0.4).get_config())
    assert (twin.num_blocks, twin.num_heads, twin.max_history, twin.dropout, twin.blocks.dropout) == (3, 2, 9, 0.4, 0.4)
