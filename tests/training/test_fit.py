"""Training: the loss against numpy, and what it learns."""

import numpy as np
import pytest
import tensorflow as tf

from dimerec_tf.config import ConfigError, parse_config
from dimerec_tf.models.dimerec import DimeRec
from dimerec_tf.models.history import keep_last, reversed_events
from dimerec_tf.models.registry import build_model
from dimerec_tf.training.fit import fit
from tests.small_training import NUM_ITEMS, ring, small_config

COUNTS = np.ones(NUM_ITEMS + 1, np.int64)


def test_training_leaves_no_determinism_behind_that_a_server_could_not_run_under() -> None:
    fit(small_config(), ring(), NUM_ITEMS)
    assert tf.function(tf.timestamp)().numpy() > 0


def test_another_seed_gives_another_model() -> None:
    models = [fit(small_config().model_copy(update={"seed": seed}), ring(), NUM_ITEMS) for seed in (1, 2)]
    assert not np.allclose(models[0].item_vectors(), models[1].item_vectors())


def test_learning_finds_a_simple_order() -> None:
    config = parse_config(
        {
            "model": {"dim": 16, "max_history": 6, "num_interests": 1, "diffusion": {"reverse_steps": 1}},
            "training": {"epochs": 40, "batch_size": 8, "learning_rate": 0.01},
        }
    )
    model = fit(config, ring(), NUM_ITEMS)
    histories = np.array([[(start + step) % NUM_ITEMS + 1 for step in range(6)] for start in range(NUM_ITEMS)])
    scores = model.query(tf.constant(histories))[:, 0] @ tf.transpose(model.item_vectors())
    following = (histories[:, -1] % NUM_ITEMS) + 1
    best = np.argsort(-scores.numpy(), axis=1)[:, :3] + 1
    assert np.mean([target in row for target, row in zip(following, best, strict=True)]) > 0.8


def test_total_loss_is_the_weighted_sum_and_padding_does_not_change_it() -> None:
    config = small_config(recon_weight=0.5, ssm_weight=2.0).model
    model = DimeRec(config, COUNTS, seed=4)
    windows = tf.constant([[1, 2, 3, 4, 0, 0], [9, 8, 0, 0, 0, 0]], tf.int64)
    loss = model.compute_loss(windows)
    parts = {name: mean.result().numpy() for name, mean in model.loss_means.items()}
    assert loss.numpy() == pytest.approx(parts["gem"] + 0.5 * parts["recon"] + 2 * parts["ssm"], rel=1e-5)
    wider = tf.pad(windows, [[0, 0], [0, 1]])
    assert model.compute_loss(wider).numpy() == pytest.approx(loss.numpy(), rel=1e-5)


def test_a_batch_counts_as_much_as_it_has_targets() -> None:
    """A mean over batches of like length equals the mean over all targets."""
    model = DimeRec(small_config(dropout=0.0).model, COUNTS, seed=4)
    windows = tf.constant([[1, 2, 3, 4, 5, 6], [9, 8, 0, 0, 0, 0]], tf.int64)
    plain = []
    for window in (windows[:1], windows[1:, :2]):
        model.steps_trained.assign(0)
        plain.append(model.compute_loss(window, training=True).numpy())
    model.weight_per_step = (5 + 1) / 2
    weighted = []
    for window in (windows[:1], windows[1:, :2]):
        model.steps_trained.assign(0)
        weighted.append(model.compute_loss(window, training=True).numpy())
    assert np.mean(weighted) == pytest.approx((5 * plain[0] + 1 * plain[1]) / 6, rel=1e-5)


@pytest.mark.parametrize(("kind", "weight"), [("dimerec", [5, 1, 0]), ("mult_vae", [1, 1, 0]), ("diffurec", [1, 1, 0])])
def test_a_batch_weighs_as_much_as_its_windows_do_in_the_mean_that_its_loss_is(kind: str, weight: list[int]) -> None:
    model = build_model(parse_config({"model": {"kind": kind, "dim": 8}}).model, COUNTS, seed=4)
    assert model.window_weights(tf.constant([5, 1, 0])).numpy().tolist() == weight
    model.weight_per_step = 10
    windows = tf.constant([[1, 2, 3, 4, 5, 6], [9, 8, 0, 0, 0, 0]], tf.int64)
    weighted = float(model.compute_loss(windows, training=True))
    model.steps_trained.assign(0)
    model.weight_per_step = None
    plain = float(model.compute_loss(windows, training=True))
    assert weighted == pytest.approx(sum(weight) / 10 * plain, rel=1e-5)


@pytest.mark.parametrize(("kind", "total"), [("dimerec", 40 * 11), ("mult_vae", 40 * 2), ("diffurec", 40 * 2)])
def test_training_weighs_by_all_windows(kind: str, total: int) -> None:
    """40 sequences of 12 events are 80 windows of at most 6 targets, in batches of 8."""
    config = parse_config({"model": {"kind": kind, "dim": 8, "max_history": 6}, "training": {"batch_size": 8}})
    once = config.model_copy(update={"training": config.training.model_copy(update={"epochs": 1})})
    assert fit(once, ring(), NUM_ITEMS).weight_per_step == total / 10


def test_losses_without_weight_are_neither_computed_nor_kept() -> None:
    alone = DimeRec(small_config(recon_weight=0.0, ssm_weight=0.0, retrieval="interests").model, COUNTS, seed=4)
    alone.denoiser.call = None
    windows = tf.constant([[1, 2, 3, 4, 5]], tf.int64)
    assert list(alone.loss_means) == list(alone.losses_of(windows, training=True)) == ["gem"]
    assert not any("denoiser" in variable.name for variable in alone.trainable_variables)
    for kept in ("gem", "recon", "ssm"):
        alone, whole = (
            _seeded(
                retrieval="interests",
                **{f"{name}_weight": weight if name != kept else 1.0 for name in ("gem", "recon", "ssm")},
            )
            for weight in (0.0, 1.0)
        )
        [(name, loss)] = alone.losses_of(windows, training=True).items()
        assert name == kept and float(loss) == pytest.approx(float(whole.losses_of(windows, training=True)[kept]))


def _seeded(**options: object) -> DimeRec:
    tf.keras.utils.set_random_seed(5)
    return DimeRec(small_config(**options).model, COUNTS, seed=4)


def test_some_loss_must_have_a_weight() -> None:
    with pytest.raises(ConfigError, match="one of gem_weight, recon_weight and ssm_weight must be above 0"):
        small_config(gem_weight=0.0, recon_weight=0.0, ssm_weight=0.0)


def test_every_weight_learns_from_the_total_loss() -> None:
    model = DimeRec(small_config().model, COUNTS, seed=4)
    with tf.GradientTape() as tape:
        loss = model.compute_loss(tf.constant([[1, 2, 3, 4, 5]], tf.int64), training=True)
    for variable, gradient in zip(
        model.trainable_variables, tape.gradient(loss, model.trainable_variables), strict=True
    ):
        assert gradient is not None and np.any(tf.convert_to_tensor(gradient) != 0), variable.name


def test_query_is_a_unit_vector_that_neither_padding_nor_the_batch_changes() -> None:
    model = DimeRec(small_config().model, COUNTS, seed=4)
    history = tf.constant([[3, 4, 5, 0], [1, 2, 3, 4]], tf.int64)
    vectors = model.query(history)[:, 0].numpy()
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(model.query(history[:1, :3])[:, 0].numpy(), vectors[:1], rtol=1e-4, atol=1e-5)


def test_only_the_last_events_of_a_long_history_count() -> None:
    model = DimeRec(small_config().model, COUNTS, seed=4)
    long = tf.constant([[7, 7, 7, 1, 2, 3, 4, 5, 6]], tf.int64)
    np.testing.assert_array_equal(model.query(long), model.query(long[:, 3:]))


def test_keep_last_left_aligns() -> None:
    history = tf.constant([[1, 2, 3, 4], [5, 6, 0, 0], [0, 0, 0, 0]], tf.int64)
    np.testing.assert_array_equal(keep_last(history, 3), [[2, 3, 4], [5, 6, 0], [0, 0, 0]])
    np.testing.assert_array_equal(keep_last(history, 9), history)


def test_reversed_events_are_newest_first() -> None:
    history = tf.constant([[1, 2, 3, 4], [5, 6, 0, 0], [0, 0, 0, 0]], tf.int64)
    np.testing.assert_array_equal(reversed_events(history, 3), [[4, 3, 2], [6, 5, 0], [0, 0, 0]])
