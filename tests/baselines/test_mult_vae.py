import numpy as np
import pytest
import tensorflow as tf

from dimerec_tf.training.fit import fit
from dimerec_tf.training.sequences import Sequences
from tests.baselines.checks import NUM_ITEMS, WINDOWS, build, check_model, config_of, cut_to_last, top_items


def _bag(rows: np.ndarray) -> np.ndarray:
    return np.isin(np.arange(1, NUM_ITEMS + 1), rows).astype(np.float64)


def test_the_losses_equal_plain_numpy() -> None:
    model = build("mult_vae", hidden=12, anneal_steps=4, dropout=0.0)
    model.steps_trained.assign(1)
    dense = [
        [weight.numpy().astype(np.float64) for weight in layer.weights]
        for layer in (model.encoder_hidden, model.encoder_output, model.decoder_hidden, model.decoder_output)
    ]
    noise = tf.random.stateless_normal([2, 8], model.draw_seed(1)).numpy()
    likelihood, divergence = [], []
    for window, eps in zip(WINDOWS.numpy(), noise, strict=True):
        events = window[window > 0]
        read = _bag(events[:-1])
        hidden = np.tanh(read / np.linalg.norm(read) @ dense[0][0] + dense[0][1])
        mean, log_variance = np.split(hidden @ dense[1][0] + dense[1][1], 2)
        latent = mean + np.sqrt(np.exp(log_variance)) * eps
        logits = np.tanh(latent @ dense[2][0] + dense[2][1]) @ dense[3][0] + dense[3][1]
        likelihood.append(-_bag(events) @ (logits - np.log(np.exp(logits).sum())))
        divergence.append(0.5 * np.sum(np.exp(log_variance) + mean**2 - 1 - log_variance))
    losses = model.losses_of(WINDOWS, training=False)
    assert losses["likelihood"].numpy() == pytest.approx(np.mean(likelihood), rel=1e-5)
    assert losses["kl"].numpy() == pytest.approx(np.mean(divergence) / 4, rel=1e-5)


def test_the_divergence_gains_its_weight_over_the_first_steps() -> None:
    model = build("mult_vae", hidden=12, anneal_steps=4, dropout=0.0)
    shares = []
    for steps in [0, 2, 4, 8]:
        model.steps_trained.assign(steps)
        shares.append(float(model.losses_of(WINDOWS, training=False)["kl"]))
    assert shares[0] == 0 and shares[1] * 2 == pytest.approx(shares[2])
    model.steps_trained.assign(4)
    noise = model.losses_of(WINDOWS, training=False)["kl"]
    assert shares[3] == pytest.approx(float(noise))


def test_checks() -> None:
    check_model("mult_vae", hidden=12, anneal_steps=1)


def test_the_whole_history_counts_and_its_order_does_not() -> None:
    model = build("mult_vae", hidden=12)
    assert not cut_to_last(model, 6)
    np.testing.assert_allclose(model.query(WINDOWS[:1, ::-1]), model.query(WINDOWS[:1]), rtol=1e-5)


def test_it_learns_which_items_go_together() -> None:
    """Two groups of users with ten items each: a bag of five must bring the other five of its own group."""
    rng = np.random.default_rng(2)
    groups = [np.arange(1, 11), np.arange(11, 21)]
    users = [rng.permutation(groups[user % 2])[:9].tolist() for user in range(40)]
    config = config_of("mult_vae", {"epochs": 30, "batch_size": 8, "learning_rate": 0.01}, hidden=12, anneal_steps=100)
    model = fit(config, Sequences.from_lists(users), NUM_ITEMS)
    best = top_items(model, np.array([group[:5] for group in groups]), 10)
    assert [np.isin(found, group).all() for found, group in zip(best, groups, strict=True)] == [True, True]
