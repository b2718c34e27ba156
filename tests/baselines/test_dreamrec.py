from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from dimerec_tf.baselines.dreamrec_denoiser import DreamRecDenoiser
from tests.baselines.checks import WINDOWS, build, check_model, cut_to_last, ring_hits
from tests.layer_checks import check_layer

DIFFUSION = {"num_steps": 10}


def _small(**options: Any) -> tf.keras.Model:
    return build("dreamrec", diffusion=DIFFUSION, **options)


def test_items_are_drawn_apart_from_the_walk() -> None:
    drawn = np.concatenate([[_small().no_guidance.numpy()], _small().items.table.numpy()])
    for purpose in (0, 1):
        walk = tf.random.stateless_normal(drawn.shape, [4, purpose]).numpy()
        assert not np.isclose(drawn, walk).all(axis=1).any()


def test_the_loss_equals_a_loop_over_the_targets_of_all_prefixes() -> None:
    model = _small(unconditional=0.4)
    samples = 6
    step = tf.random.stateless_uniform([samples], model.draw_seed(1), 1, 11, tf.int32).numpy()
    noise = tf.random.stateless_normal([samples, 8], model.draw_seed(2)).numpy()
    left_out = tf.random.stateless_uniform([samples, 1], model.draw_seed(3)).numpy()[:, 0] < 0.4
    assert left_out.any() and not left_out.all()
    losses = []
    for window in WINDOWS:
        for place in range(1, np.count_nonzero(window)):
            sample = len(losses)
            clean = model.item_vectors()[int(window[place]) - 1]
            noised = model.schedule.signal[step[sample]] ** 0.5 * clean.numpy()
            noised = noised + (1 - model.schedule.signal[step[sample]]) ** 0.5 * noise[sample]
            states = model.states(window[tf.newaxis, :place])[0, -1]
            guidance = model.no_guidance if left_out[sample] else states
            estimate = model.denoiser(
                tf.cast(noised, tf.float32)[tf.newaxis], step[sample : sample + 1], guidance[tf.newaxis]
            )[0]
            losses.append(float(tf.reduce_sum((clean - estimate) ** 2)))
    assert model.compute_loss(WINDOWS).numpy() == pytest.approx(np.mean(losses), rel=1e-5)


def test_denoiser_layer_checks(tmp_path: Path) -> None:
    noised, guidance = np.random.default_rng(0).normal(size=(2, 3, 4)).astype(np.float32)
    step = np.array([1, 3, 5])
    check_layer(
        DreamRecDenoiser(num_steps=5),
        lambda layer: layer(tf.cast(noised, layer.compute_dtype), step, guidance),
        tmp_path,
        (3, 4),
    )


def test_denoiser_equals_numpy() -> None:
    noised, guidance = np.random.default_rng(0).normal(size=(2, 3, 4)).astype(np.float32)
    layer = DreamRecDenoiser(num_steps=5)
    found = layer(noised, np.array([1, 3, 5]), guidance)
    hidden, output, estimate = (
        [weight.numpy() for weight in dense.weights] for dense in (layer.step_hidden, layer.step_output, layer.estimate)
    )
    for x, step, g, own in zip(noised, [1, 3, 5], guidance, found, strict=True):
        angles = [step, step / 100]
        widened = tf.nn.gelu(np.array([*np.sin(angles), *np.cos(angles)]) @ hidden[0] + hidden[1]).numpy()
        embedded = widened @ output[0] + output[1]
        np.testing.assert_allclose(own, np.concatenate([x, g, embedded]) @ estimate[0] + estimate[1], rtol=1e-4)


def test_guidance_is_extrapolated_from_none() -> None:
    model = _small(guidance_weight=3.0)
    noised, guidance = tf.random.stateless_normal([2, 4, 8], [1, 2])
    step = tf.constant([1, 4, 9, 10])
    without = model._estimate(noised, step, tf.repeat(model.no_guidance[tf.newaxis], 4, axis=0))
    expected = 4 * model._estimate(noised, step, guidance) - 3 * without
    np.testing.assert_allclose(model._guided_estimate(noised, step, guidance), expected, rtol=1e-5)


def test_item_vectors_start_with_the_variance_of_the_noise() -> None:
    assert np.std(build("dreamrec", dim=64).item_vectors()) == pytest.approx(1, abs=0.1)


def test_checks() -> None:
    check_model("dreamrec", diffusion=DIFFUSION, unconditional=0.4)


def test_only_the_last_events_count() -> None:
    assert cut_to_last(_small(), 6) and not cut_to_last(_small(), 5)


def test_it_learns_a_simple_order() -> None:
    assert ring_hits("dreamrec", epochs=60, diffusion=DIFFUSION) > 0.8
