"""Negatives: the frequencies that log-q claims are those that are drawn."""

import numpy as np
import pytest
import tensorflow as tf

from dimerec_tf.config_model import NegativesConfig
from dimerec_tf.losses import sampled_softmax
from dimerec_tf.sampling import NegativeSampler

COUNTS = np.array([0, 50, 25, 10, 10, 5])
TARGETS = np.random.default_rng(0).choice(np.arange(1, 6), 4000, p=COUNTS[1:] / 100)
SEED = tf.constant([3, 4])


def _sampler(kind: str, count: int = 4000) -> NegativeSampler:
    return NegativeSampler(NegativesConfig(kind=kind, count=count), COUNTS)


@pytest.mark.parametrize("kind", ["in_batch", "mixed"])
def test_what_xla_compiles_has_places_without_a_target_and_draws_from_the_others(kind: str) -> None:
    sampler = _sampler(kind, 2000)
    sampler.compiled = True
    padded = np.where(np.arange(8000) % 2, 0, np.repeat(TARGETS, 2))
    draw = tf.function(sampler.draw, jit_compile=True)
    drawn = draw(tf.constant(padded), SEED)
    is_target = drawn.rows.numpy() > 0
    found = np.bincount(drawn.rows.numpy()[is_target], minlength=6)
    expected = np.exp(drawn.log_q.numpy()[is_target])
    np.testing.assert_allclose(found[drawn.rows.numpy()[is_target]], expected, rtol=0.15)
    assert (drawn.log_q.numpy()[~is_target] > 1e8).all() and is_target.all() == (kind == "mixed")


@pytest.mark.parametrize("kind", ["log_uniform", "in_batch", "mixed"])
def test_log_q_is_the_log_of_how_often_each_row_comes(kind: str) -> None:
    drawn = _sampler(kind).draw(tf.constant(TARGETS), SEED)
    found = np.bincount(drawn.rows, minlength=6)
    np.testing.assert_allclose(found[drawn.rows], np.exp(drawn.log_q), rtol=0.15)


def test_uniform_draws_every_item_alike_and_never_padding() -> None:
    drawn = _sampler("uniform", 10_000).draw(tf.constant(TARGETS), SEED)
    np.testing.assert_allclose(np.bincount(drawn.rows, minlength=6)[1:], 2000, rtol=0.1)
    assert drawn.rows.shape == (10_000,) and drawn.log_q is None


def test_full_is_the_catalogue() -> None:
    drawn = _sampler("full").draw(tf.constant(TARGETS), SEED)
    assert drawn.rows.numpy().tolist() == [1, 2, 3, 4, 5] and drawn.log_q is None


def test_log_uniform_follows_the_zipfian_law_of_rows_in_order_of_frequency() -> None:
    drawn = _sampler("log_uniform", 50).draw(tf.constant(TARGETS), SEED)
    expected = [50 * (np.log(row + 1) - np.log(row)) / np.log(6) for row in drawn.rows.numpy()]
    np.testing.assert_allclose(np.exp(drawn.log_q), expected, rtol=1e-5)


@pytest.mark.parametrize("kind", ["uniform", "log_uniform", "mixed"])
def test_the_same_seed_draws_the_same_rows_and_another_one_others(kind: str) -> None:
    rows = [_sampler(kind, 50).draw(tf.constant(TARGETS), tf.constant(seed)).rows for seed in ([1, 2], [1, 2], [1, 3])]
    np.testing.assert_array_equal(rows[0], rows[1])
    assert np.any(rows[0] != rows[2])


def test_mixed_takes_half_of_its_rows_from_the_batch() -> None:
    rows = _sampler("mixed", 40).draw(tf.fill([100], tf.constant(5, tf.int64)), SEED).rows.numpy()
    assert rows.shape == (40,) and (rows[20:] == 5).all()


def test_corrected_in_batch_softmax_has_the_gradient_of_the_full_softmax() -> None:
    """The sign of log-q: with it, popular negatives do not push popular items down."""
    rng = np.random.default_rng(1)
    table = rng.normal(size=(6, 3))
    query, target = tf.constant(rng.normal(size=(1, 3))), np.array([3])

    def gradient(kind: str, corrected: bool) -> np.ndarray:
        drawn = _sampler(kind).draw(tf.constant(TARGETS), SEED)
        with tf.GradientTape() as tape:
            tape.watch(query)
            log_q = drawn.log_q if corrected else None
            negatives = tf.gather(tf.constant(table), drawn.rows)
            loss = sampled_softmax(query, table[target], negatives, target, drawn.rows, 1.0, log_q)
        return tape.gradient(loss, query).numpy()

    exact = gradient("full", corrected=False)
    np.testing.assert_allclose(gradient("in_batch", corrected=True), exact, atol=0.05)
    assert np.abs(gradient("in_batch", corrected=False) - exact).max() > 0.2
