from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from dimerec_tf.layers.denoiser import Denoiser, sinusoids
from dimerec_tf.layers.item_table import ItemTable
from tests.layer_checks import check_layer

RNG = np.random.default_rng(0)
HISTORY = RNG.normal(size=(3, 7, 4)).astype(np.float32)


def test_item_table_passes_the_layer_checks(tmp_path: Path) -> None:
    rows = tf.constant([[1, 2, 3, 4, 5], [5, 4, 0, 0, 0]])
    check_layer(ItemTable(num_items=5, dim=4), lambda layer: layer(rows), tmp_path, (2, 5, 4))


def test_item_table_gives_zeros_for_padding_and_leaves_it_out_of_the_catalogue() -> None:
    table = ItemTable(num_items=3, dim=4)
    vectors = table(tf.constant([0, 1, 2, 3]))
    assert not vectors[0].numpy().any()
    np.testing.assert_array_equal(table.catalogue(), vectors[1:])


def test_item_table_gradient_stays_sparse() -> None:
    table = ItemTable(num_items=1000, dim=4)
    table(tf.constant([1]))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(table(tf.constant([3, 5])))
    gradient = tape.gradient(loss, table.table)
    assert isinstance(gradient, tf.IndexedSlices)
    assert gradient.indices.numpy().tolist() == [3, 5]


@pytest.mark.parametrize(
    ("aggregation", "residual"),
    [("concat", False), ("mean", False), ("attention", False), ("mean", True), ("weighted_mean", True)],
)
@pytest.mark.parametrize("step_embedding", ["learned", "sinusoidal"])
def test_denoiser_passes_the_layer_checks(
    aggregation: str, residual: bool, step_embedding: str, tmp_path: Path
) -> None:
    noised, guidance = HISTORY[:, 0], HISTORY[:, 1:3]
    check_layer(
        Denoiser(5, 2, aggregation, step_embedding, residual),
        lambda layer: layer(
            tf.cast(noised, layer.compute_dtype), tf.constant([1, 3, 5]), tf.cast(guidance, layer.compute_dtype)
        ),
        tmp_path,
        (3, 4),
    )


def test_sinusoids_are_the_transformers() -> None:
    table = sinusoids(6, 8)
    for step in range(6):
        angles = [step / 10_000 ** (pair / 4) for pair in range(4)]
        np.testing.assert_allclose(table[step], [*np.sin(angles), *np.cos(angles)])
    assert sinusoids(3, 5).shape == (3, 5)


@pytest.mark.parametrize("aggregation", ["mean", "weighted_mean", "attention"])
def test_interests_that_are_not_there_do_not_count(aggregation: str) -> None:
    two, four = Denoiser(5, 2, aggregation), Denoiser(5, 4, aggregation)
    step, padding = tf.constant([1, 3, 5]), [(0, 0), (0, 2), (0, 0)]
    alone = two(HISTORY[:, 0], step, HISTORY[:, 1:3])
    four(HISTORY[:, 0], step, HISTORY[:, 1:5])
    four.set_weights([np.zeros(4) if weight.shape == (2,) else weight for weight in two.get_weights()])
    padded = four(HISTORY[:, 0], step, np.pad(HISTORY[:, 1:3], padding))
    np.testing.assert_allclose(alone, padded, rtol=1e-5, atol=1e-6)


def test_attention_weighs_interests_by_the_state() -> None:
    layer = Denoiser(5, 2, "attention")
    noised, guidance, step = HISTORY[:, 0], HISTORY[:, 1:3], np.array([1, 3, 5])
    layer(noised, step, guidance)
    state = np.concatenate([noised, layer.steps.numpy()[step]], axis=1)
    query = state @ layer.attention_query.kernel.numpy() + layer.attention_query.bias.numpy()
    logits = np.einsum("sd,skd->sk", query, guidance) / 2
    weights = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    expected = np.einsum("sk,skd->sd", weights, guidance)
    np.testing.assert_allclose(layer._aggregate(tf.constant(state), tf.constant(guidance)), expected, rtol=1e-4)


def test_a_weighted_mean_weighs_interests_by_their_place_alone() -> None:
    layer = Denoiser(5, 2, "weighted_mean")
    noised, guidance, step = HISTORY[:, 0], HISTORY[:, 1:3], np.array([1, 3, 5])
    layer(noised, step, guidance)
    layer.preferences.assign([0.7, -0.4])
    expected = (np.exp(0.7) * guidance[:, 0] + np.exp(-0.4) * guidance[:, 1]) / (np.exp(0.7) + np.exp(-0.4))
    np.testing.assert_allclose(layer._aggregate(tf.constant(noised), tf.constant(guidance)), expected, rtol=1e-5)


def test_a_residual_denoiser_starts_from_the_aggregated_guidance() -> None:
    layer = Denoiser(5, 2, "mean", residual=True)
    noised, guidance, step = HISTORY[:, 0], HISTORY[:, 1:3], np.array([1, 3, 5])
    added = layer(noised, step, guidance) - guidance.mean(axis=1)
    layer.residual = False
    np.testing.assert_allclose(added, 0.1 * layer(noised, step, guidance), rtol=1e-4, atol=1e-6)


def test_denoiser_dropout_acts_with_a_seed_only_and_repeats_with_it() -> None:
    layer = Denoiser(5, 2, dropout=0.5)
    noised, guidance, step = HISTORY[:, 0], HISTORY[:, 1:3], np.array([1, 3, 5])
    clean = layer(noised, step, guidance).numpy()
    dropped = layer(noised, step, guidance, seed=tf.constant([1, 2])).numpy()
    np.testing.assert_array_equal(layer(noised, step, guidance), clean)
    assert not np.allclose(clean, dropped)
    np.testing.assert_array_equal(layer(noised, step, guidance, seed=tf.constant([1, 2])), dropped)


def test_denoiser_equals_numpy() -> None:
    layer = Denoiser(num_steps=5, num_interests=2)
    noised, guidance, step = HISTORY[:, 0], HISTORY[:, 1:3], np.array([1, 3, 5])
    output = layer(noised, step, guidance)
    inputs = np.concatenate([noised, layer.steps.numpy()[step], guidance.reshape(3, 8)], axis=1)
    hidden = tf.nn.gelu(inputs @ layer.hidden.kernel.numpy() + layer.hidden.bias.numpy()).numpy()
    expected = hidden @ layer.output_layer.kernel.numpy() + layer.output_layer.bias.numpy()
    np.testing.assert_allclose(output, expected, rtol=1e-4, atol=1e-6)


def test_the_configuration_of_a_denoiser_comes_back() -> None:
    layer = Denoiser(5, 2, "attention", "sinusoidal", residual=True, dropout=0.3)
    twin = Denoiser.from_config(layer.get_config())
    names = ("num_steps", "num_interests", "aggregation", "step_embedding", "residual", "dropout")
    assert [getattr(twin, name) for name in names] == [5, 2, "attention", "sinusoidal", True, 0.3]
