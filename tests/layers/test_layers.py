from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from dimerec_tf.layers.denoiser import Denoiser
from dimerec_tf.layers.interest import SelfAttentiveInterest
from dimerec_tf.layers.item_table import ItemTable
from tests.layer_checks import check_layer

RNG = np.random.default_rng(0)
HISTORY = RNG.normal(size=(3, 7, 4)).astype(np.float32)
MASK = np.arange(7) < np.array([[7], [4], [1]])


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


@pytest.mark.parametrize("all_prefixes", [False, True])
def test_interest_passes_the_layer_checks(all_prefixes: bool, tmp_path: Path) -> None:
    shape = (3, 7, 2, 4) if all_prefixes else (3, 2, 4)
    check_layer(
        SelfAttentiveInterest(num_interests=2, max_history=9),
        lambda layer: layer(tf.cast(HISTORY, layer.compute_dtype), mask=MASK, all_prefixes=all_prefixes),
        tmp_path,
        shape,
    )


def _randomised_interest() -> SelfAttentiveInterest:
    layer = SelfAttentiveInterest(num_interests=2, max_history=9)
    layer(HISTORY, mask=MASK)
    layer.set_weights([RNG.normal(size=weight.shape) for weight in layer.get_weights()])
    return layer


def test_interest_equals_numpy() -> None:
    layer = _randomised_interest()
    weights = {
        variable.name.split("/")[-1].split(":")[0] + str(variable.shape): variable.numpy()
        for variable in layer.variables
    }
    positions, w1, b1, w2, b2 = (
        weights[name] for name in ("positions(9, 4)", "kernel(4, 16)", "bias(16,)", "kernel(16, 2)", "bias(2,)")
    )
    for history, mask, interests in zip(HISTORY, MASK, layer(HISTORY, mask=MASK).numpy(), strict=True):
        events = history[mask]
        logits = np.tanh((events + positions[: len(events)]) @ w1 + b1) @ w2 + b2
        attention = np.exp(logits - logits.max(axis=0))
        attention /= attention.sum(axis=0)
        np.testing.assert_allclose(interests, attention.T @ events, rtol=1e-4, atol=1e-5)


def test_all_prefixes_equal_one_prefix_after_the_other() -> None:
    layer = _randomised_interest()
    together = layer(HISTORY, mask=MASK, all_prefixes=True).numpy()
    for length in range(1, 8):
        alone = layer(HISTORY[:, :length], mask=MASK[:, :length]).numpy()
        inside = MASK[:, length - 1]
        np.testing.assert_allclose(together[inside, length - 1], alone[inside], rtol=1e-5, atol=1e-6)


def test_padding_never_changes_an_interest() -> None:
    layer = _randomised_interest()
    noise = np.where(MASK[..., np.newaxis], HISTORY, 100.0).astype(np.float32)
    np.testing.assert_array_equal(layer(noise, mask=MASK), layer(HISTORY, mask=MASK))
    wider = np.pad(HISTORY, [(0, 0), (0, 2), (0, 0)])
    np.testing.assert_allclose(layer(wider, mask=np.pad(MASK, [(0, 0), (0, 2)])), layer(HISTORY, mask=MASK), rtol=1e-5)


def test_an_empty_history_has_zero_interests() -> None:
    layer = _randomised_interest()
    assert not layer(HISTORY, mask=np.zeros_like(MASK)).numpy().any()


def test_denoiser_passes_the_layer_checks(tmp_path: Path) -> None:
    noised, guidance = HISTORY[:, 0], HISTORY[:, 1:3]
    check_layer(
        Denoiser(num_steps=5),
        lambda layer: layer(
            tf.cast(noised, layer.compute_dtype), tf.constant([1, 3, 5]), tf.cast(guidance, layer.compute_dtype)
        ),
        tmp_path,
        (3, 4),
    )


def test_denoiser_equals_numpy() -> None:
    layer = Denoiser(num_steps=5)
    noised, guidance, step = HISTORY[:, 0], HISTORY[:, 1:3], np.array([1, 3, 5])
    output = layer(noised, step, guidance)
    inputs = np.concatenate([noised, layer.steps.numpy()[step], guidance.reshape(3, 8)], axis=1)
    hidden = tf.nn.gelu(inputs @ layer.hidden.kernel.numpy() + layer.hidden.bias.numpy()).numpy()
    expected = hidden @ layer.output_layer.kernel.numpy() + layer.output_layer.bias.numpy()
    np.testing.assert_allclose(output, expected, rtol=1e-4, atol=1e-6)
