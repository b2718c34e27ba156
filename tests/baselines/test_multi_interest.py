from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from dimerec_tf.baselines.multi_interest import attend_to_label
from tests.baselines.checks import FULL, WINDOWS, build, check_model, cross_entropy, cut_to_last, ring_hits

RNG = np.random.default_rng(1)
MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "comirec_sa": ("comirec", {"extractor": "self_attentive"}),
    "comirec_dr": ("comirec", {"extractor": "dynamic_routing"}),
    "mind": ("mind", {"power": 1.5}),
}


@pytest.mark.parametrize("name", MODELS)
def test_the_loss_equals_numpy_over_the_interests_of_all_prefixes(name: str) -> None:
    kind, options = MODELS[name]
    model = build(kind, num_interests=3, negatives=FULL, temperature=0.5, **options)
    items = model.item_vectors().numpy()
    losses = []
    for window in WINDOWS:
        for place in range(1, np.count_nonzero(window)):
            interests, target = model.query(window[tf.newaxis, :place])[0].numpy(), int(window[place])
            agreement = interests @ items[target - 1]
            weights = np.exp(1.5 * agreement) if name == "mind" else (agreement == agreement.max()).astype(float)
            losses.append(cross_entropy(weights @ interests / weights.sum() / 0.5, items, target))
    assert model.compute_loss(WINDOWS).numpy() == pytest.approx(np.mean(losses), rel=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_checks(name: str) -> None:
    kind, options = MODELS[name]
    check_model(kind, queries=3, num_interests=3, dropout=0.2, **options)


@pytest.mark.parametrize("name", MODELS)
def test_only_the_last_events_count(name: str) -> None:
    kind, options = MODELS[name]
    assert cut_to_last(build(kind, **options), 6) and not cut_to_last(build(kind, **options), 5)


@pytest.mark.parametrize("name", MODELS)
def test_it_learns_which_items_follow(name: str) -> None:
    """A bag with weak places cannot order a ring as well as a sequence model can; chance is 0.1."""
    kind, options = MODELS[name]
    assert ring_hits(kind, epochs=30, num_interests=2, **options) > 0.6


def test_label_aware_attention_goes_from_the_mean_to_the_best_and_takes_negative_agreement() -> None:
    interests, target = RNG.normal(size=(2, 3, 4)), RNG.normal(size=(2, 4))
    agreement = np.einsum("skd,sd->sk", interests, target)
    assert (agreement < 0).any()
    np.testing.assert_allclose(attend_to_label(interests, target, 1e-9), interests.mean(axis=1), rtol=1e-6)
    best = interests[np.arange(2), agreement.argmax(axis=1)]
    np.testing.assert_allclose(attend_to_label(interests, target, 1e3), best, rtol=1e-6)
