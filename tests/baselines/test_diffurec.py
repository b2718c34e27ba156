from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from dimerec_tf.baselines.approximator import Approximator
from dimerec_tf.baselines.diffurec import split_at_random
from tests.baselines.checks import WINDOWS, build, check_model, cross_entropy, cut_to_last, ring_hits
from tests.layer_checks import check_layer
from tests.transformer_oracle import blocks, norm

RNG = np.random.default_rng(3)
EVENTS = RNG.normal(size=(3, 5, 8)).astype(np.float32)
NOISED = RNG.normal(size=(3, 8)).astype(np.float32)
ROWS = np.where(np.arange(5) < np.array([[5], [3], [1]]), 1, 0)
STEP = np.array([1, 4, 6])
WEIGHTS = RNG.normal(0.5, 0.1, size=(3, 5, 8)).astype(np.float32)


def test_approximator_layer_checks(tmp_path: Path) -> None:
    def call(layer: Approximator) -> tf.Tensor:
        return layer(tf.cast(EVENTS, layer.compute_dtype), ROWS, NOISED, STEP, WEIGHTS)

    check_layer(Approximator(num_steps=6, num_blocks=2, num_heads=2), call, tmp_path, (3, 8))


def test_the_approximator_equals_numpy() -> None:
    layer = Approximator(num_steps=6, num_blocks=2, num_heads=2)
    layer(EVENTS, ROWS, NOISED, STEP, WEIGHTS)
    layer.set_weights([RNG.normal(size=weight.shape, scale=0.5) for weight in layer.get_weights()])
    found = layer(EVENTS, ROWS, NOISED, STEP, WEIGHTS).numpy()
    for sample, step in enumerate(STEP):
        angles = round(step * 1000 / 6) * 10_000.0 ** (-np.arange(4) / 4)
        hidden = np.concatenate([np.sin(angles), np.cos(angles)]) @ layer.step_hidden.kernel.numpy()
        hidden += layer.step_hidden.bias.numpy()
        embedded = hidden / (1 + np.exp(-hidden)) @ layer.step_output.kernel.numpy() + layer.step_output.bias.numpy()
        present = ROWS[sample] > 0
        states = EVENTS[sample, present] + WEIGHTS[sample, present] * (NOISED[sample] + embedded)
        expected = norm(layer.norm, blocks(layer.blocks, states))[-1]
        np.testing.assert_allclose(found[sample], expected, rtol=1e-3, atol=1e-3)


def test_noise_enters_the_approximator_by_its_weight() -> None:
    layer = Approximator(num_steps=6, num_blocks=1, num_heads=2)
    given = layer(EVENTS, ROWS, NOISED, STEP, WEIGHTS).numpy()
    assert not np.allclose(layer(EVENTS, ROWS, 2 * NOISED, STEP, WEIGHTS), given)
    assert not np.allclose(layer(EVENTS, ROWS, NOISED, STEP[::-1].copy(), WEIGHTS), given)
    unweighted = layer(EVENTS, ROWS, NOISED, STEP, 0 * WEIGHTS).numpy()
    np.testing.assert_array_equal(layer(EVENTS, ROWS, 2 * NOISED, STEP[::-1].copy(), 0 * WEIGHTS), unweighted)


def test_every_target_of_a_window_is_drawn_alike_with_what_came_before_it() -> None:
    windows = tf.constant([[1, 2, 3, 4]] * 3000 + [[7, 8, 0, 0]] * 10 + [[9, 0, 0, 0], [0, 0, 0, 0]], tf.int64)
    histories, targets = (x.numpy() for x in split_at_random(windows, tf.constant([1, 2])))
    assert targets.shape == (3010,)
    expected = {2: [1, 0, 0], 3: [1, 2, 0], 4: [1, 2, 3], 8: [7, 0, 0]}
    for target, history in expected.items():
        assert (histories[targets == target] == history).all()
    shares = np.bincount(targets, minlength=10)
    assert shares[8] == 10 and (abs(shares[2:5] - 1000) < 100).all()


def test_the_loss_equals_numpy_on_the_drawn_prefixes() -> None:
    model = build("diffurec", diffusion={"num_steps": 10}, blocks=1, heads=2)
    rows, targets = split_at_random(WINDOWS, model.draw_seed(0))
    step = tf.random.stateless_uniform([2], model.draw_seed(1), 1, 11, tf.int32)
    noise = tf.random.stateless_normal([2, 8], model.draw_seed(2)).numpy()
    weights = tf.random.stateless_normal([2, 6, 8], model.draw_seed(4), mean=0.001, stddev=0.001)[:, :4]
    items = model.item_vectors().numpy()
    signal = model.schedule.signal[step.numpy()][:, np.newaxis]
    noised = signal**0.5 * items[targets.numpy() - 1] * 8**0.5 + (1 - signal) ** 0.5 * noise
    events = model.events_norm(model.items(rows))
    estimates = model.approximator(events, rows, tf.cast(noised, tf.float32), step, weights).numpy()
    expected = np.mean([cross_entropy(x, items, int(t)) for x, t in zip(estimates, targets, strict=True)])
    assert model.compute_loss(WINDOWS).numpy() == pytest.approx(expected, rel=1e-5)


def test_checks() -> None:
    check_model("diffurec", diffusion={"num_steps": 5}, blocks=2, heads=2, noise_weight=0.5)


def test_only_the_last_events_count() -> None:
    model = build("diffurec", blocks=1, heads=2)
    assert cut_to_last(model, 6) and not cut_to_last(model, 5)


def test_it_learns_a_simple_order() -> None:
    assert ring_hits("diffurec", epochs=60, blocks=1, heads=2, dropout=0.0, embedding_dropout=0.0) > 0.8


def test_the_configuration_of_an_approximator_comes_back() -> None:
    twin = Approximator.from_config(Approximator(6, 2, 4, dropout=0.3).get_config())
    assert (twin.num_steps, twin.num_blocks, twin.num_heads, twin.dropout) == (6, 2, 4, 0.3)
