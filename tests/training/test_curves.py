"""What is written for TensorBoard, against numbers computed apart."""

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import requests
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from dimerec_tf.config import parse_config
from dimerec_tf.models.dimerec import DimeRec
from dimerec_tf.models.registry import build_model
from dimerec_tf.training.curves import TrainingCurves, mean_cosine
from dimerec_tf.training.fit import fit
from dimerec_tf.training.sequences import TrainingBatches, window_bounds
from tests.small_training import NUM_ITEMS, ring, ring_cases, small_config

COUNTS = np.ones(NUM_ITEMS + 1, np.int64)


def _read(folder: Path) -> dict[str, dict[int, float]]:
    """Each curve's values by step."""
    events = EventAccumulator(str(folder), size_guidance={"tensors": 0})
    events.Reload()
    return {
        tag: {event.step: float(tf.make_ndarray(event.tensor_proto)) for event in events.Tensors(tag)}
        for tag in events.Tags()["tensors"]
    }


def test_curves_show_the_training_and_do_not_touch_it(tmp_path: Path) -> None:
    config = small_config({"batch_size": 1, "validation": {}})  # eighty steps an epoch
    plain = fit(config, ring(), NUM_ITEMS, validation=ring_cases())
    watched = fit(config, ring(), NUM_ITEMS, validation=ring_cases(), log_dir=tmp_path)
    for weight, other in zip(watched.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, other)
    curves = _read(tmp_path)
    points = [25, 50, 80, 105, 130, 160, 185, 210, 240]
    for tag in ("loss/gem", "loss/recon", "loss/ssm", "targets_per_second", "norm/gradient", "norm/items"):
        assert list(curves[tag]) == points and all(value > 0 for value in curves[tag].values()), tag
    assert list(curves["validation/HR@10"]) == [80, 160, 240]
    assert curves["loss/gem"][240] < curves["loss/gem"][25]
    losses = [curves[f"loss/{name}"][240] * weight for name, weight in watched.loss_weights.items()]
    assert curves["loss/total"][240] == pytest.approx(sum(losses), rel=1e-5)
    rates = curves["learning_rate"]
    assert rates[130] == pytest.approx(0.5 * 3e-3 * (1 + np.cos(np.pi * 129 / 240)), rel=1e-5), "of the step just done"
    assert sum(curves[f"interests/share_{number}"][50] for number in (1, 2)) == pytest.approx(1)


def test_tensorboard_shows_them(tmp_path: Path) -> None:
    fit(small_config({"epochs": 1}), ring(), NUM_ITEMS, log_dir=tmp_path)
    command = [Path(sys.executable).with_name("tensorboard"), "--logdir", tmp_path, "--port", "0"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr
    try:
        line = next(line for line in process.stderr if " at http://" in line)
        url = line.split(" at ")[1].split()[0] + "data/plugin/scalars/tags"
        tags = next(found for _ in range(100) if (found := requests.get(url, timeout=10).json()) or time.sleep(0.1))
        assert "loss/gem" in tags["."]
    finally:
        process.terminate()
        process.wait(30)


def test_the_gradients_norm_is_that_of_the_training_loss_on_a_sample(tmp_path: Path) -> None:
    model = DimeRec(small_config().model, COUNTS, seed=4)
    bounds = window_bounds(ring(), 6)
    curves = TrainingCurves(tmp_path, model, TrainingBatches(ring(), bounds, 8, 4), 1.0)
    assert curves.windows.shape[0] == 8
    before = model.get_weights()
    norm = float(curves.gradient_norm(curves.windows))
    for weight, other in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, other)
    model.steps_trained.assign_sub(1)
    with tf.GradientTape() as tape:
        loss = model.compute_loss(curves.windows, training=True)
    gradients = tape.gradient(loss, model.trainable_variables)
    squares = [np.sum(tf.convert_to_tensor(gradient).numpy() ** 2) for gradient in gradients]
    assert norm == pytest.approx(np.sqrt(sum(squares)), rel=1e-4)


@pytest.mark.parametrize("kind", ["dimerec", "comirec"])
def test_targets_are_routed_to_the_interest_of_the_largest_inner_product(kind: str) -> None:
    config = parse_config({"model": {"kind": kind, "dim": 8, "max_history": 6, "num_interests": 3}})
    model = build_model(config.model, COUNTS, seed=4)
    windows = np.array([[1, 2, 3, 4, 5, 6], [9, 8, 7, 0, 0, 0]])
    expected = []
    for window in windows:
        for place in range(1, np.count_nonzero(window)):
            prefix = tf.constant(window[np.newaxis, :place], tf.int64)
            interests = (model.interests(prefix) if kind == "dimerec" else model.query(prefix))[0].numpy()
            there = np.any(interests != 0, axis=1)
            products = interests @ model.items(tf.constant(window[place])).numpy()
            expected.append(int(np.argmax(np.where(there, products, -np.inf))))
    routed = model.routed(tf.constant(windows, tf.int64)).numpy().tolist()
    assert routed == expected and len(set(routed)) > 1


def test_a_model_without_interests_has_no_shares(tmp_path: Path) -> None:
    config = parse_config({"model": {"kind": "gru4rec", "dim": 8}, "training": {"epochs": 1, "batch_size": 8}})
    fit(config, ring(), NUM_ITEMS, log_dir=tmp_path)
    tags = set(_read(tmp_path))
    assert "collapse/item_cosine" in tags and not [tag for tag in tags if tag.startswith("interests/")]


def test_the_mean_cosine_is_that_of_all_pairs() -> None:
    vectors = np.random.default_rng(0).normal(1, 1, (7, 4))
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    pairs = [units[i] @ units[j] for i in range(7) for j in range(7) if i != j]
    assert float(mean_cosine(tf.constant(vectors))) == pytest.approx(np.mean(pairs))
    assert float(mean_cosine(tf.constant([[1.0, 2.0], [2.0, 4.0], [0.5, 1.0]]))) == pytest.approx(1)
    assert float(mean_cosine(tf.constant([[3.0, 4.0]]))) == 0
