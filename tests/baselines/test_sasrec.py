import numpy as np
import pytest
import tensorflow as tf

from dimerec_tf.baselines.sasrec import binary_cross_entropy
from dimerec_tf.config import ConfigError, parse_config
from tests.baselines.checks import FULL, WINDOWS, build, check_model, cross_entropy, cut_to_last, ring_hits

RNG = np.random.default_rng(1)
LOSSES = ["binary", "softmax"]


def _targets_and_queries(model: tf.keras.Model) -> list[tuple[int, np.ndarray]]:
    """Every target with the query of the history before it."""
    return [
        (target, model.query(window[tf.newaxis, :place])[0, 0].numpy())
        for window in WINDOWS
        for place, target in enumerate(window.numpy())
        if place and target
    ]


def test_the_softmax_equals_numpy_over_the_queries_of_all_prefixes() -> None:
    model = build("sasrec", negatives=FULL, temperature=0.5)
    items = model.item_vectors().numpy()
    expected = np.mean([cross_entropy(query / 0.5, items, target) for target, query in _targets_and_queries(model)])
    assert model.compute_loss(WINDOWS).numpy() == pytest.approx(expected, rel=1e-5)


def test_binary_cross_entropy_equals_plain_numpy_and_leaves_accidental_hits_out() -> None:
    query, positive, negative = RNG.normal(size=(3, 4, 6))
    is_negative = np.array([True, True, False, True])
    losses = binary_cross_entropy(*(tf.constant(x) for x in (query, positive, negative)), tf.constant(is_negative))
    for index in range(4):
        right = 1 / (1 + np.exp(-query[index] @ positive[index]))
        wrong = 1 / (1 + np.exp(-query[index] @ negative[index]))
        expected = -np.log(right) - (np.log(1 - wrong) if is_negative[index] else 0)
        assert losses[index].numpy() == pytest.approx(expected)


def test_the_binary_loss_draws_one_negative_for_each_target() -> None:
    """With one item there is nothing but accidental hits; with two equal ones each negative costs the same."""
    model = build("sasrec", loss="binary", temperature=0.5)
    model.items.table.assign(tf.repeat(model.items.table[:1], 31, axis=0))
    scores = [2 * query @ model.item_vectors()[0].numpy() for _, query in _targets_and_queries(model)]
    without, whole = ([np.log1p(np.exp(-s)) + sign * np.log1p(np.exp(s)) for s in scores] for sign in (0, 1))
    loss = model.compute_loss(WINDOWS).numpy()
    assert np.mean(without) < loss <= np.mean(whole) + 1e-5


@pytest.mark.parametrize("loss", LOSSES)
def test_checks(loss: str) -> None:
    check_model("sasrec", loss=loss, heads=2)


def test_only_the_last_events_count() -> None:
    assert cut_to_last(build("sasrec"), 6) and not cut_to_last(build("sasrec"), 5)


@pytest.mark.parametrize("loss", LOSSES)
def test_it_learns_a_simple_order(loss: str) -> None:
    assert ring_hits("sasrec", epochs=15, loss=loss) > 0.8


def test_heads_must_divide_the_dimension() -> None:
    with pytest.raises(ConfigError, match="multiple of heads, got 9 and 2"):
        parse_config({"model": {"kind": "sasrec", "dim": 9, "heads": 2}})
