"""Replicas on one machine against one device, and a replica without rows."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from dimerec_tf.config import parse_config
from dimerec_tf.models.registry import build_model
from dimerec_tf.named_parts import MODELS
from tests import distributed_training as distributed
from tests.distributed_training import SHARED_DRAWS, Run
from tests.small_training import NUM_ITEMS, STEPS


def test_three_replicas_follow_the_loss_curve_of_one_device(tmp_path: Path) -> None:
    """80 windows in batches of 13: shares are uneven, and of an epoch's last two windows the third replica has none."""
    training = {"batch_size": 13, "epochs": 2, "lazy_items": True}
    run = Run(str(tmp_path), {**training, "strategy": "mirrored"}, SHARED_DRAWS, local_replicas=3)
    processes = distributed.start(run)
    alone = distributed.train(Run(str(tmp_path), training, SHARED_DRAWS))
    distributed.finish(processes)
    found = distributed.result(run)
    for name in alone.keys() - {"table"}:
        np.testing.assert_allclose(found[name], alone[name], rtol=1e-5, atol=1e-5, err_msg=name)


@pytest.mark.slow
def test_with_all_draws_the_loss_curve_is_close_and_the_training_is_watched(tmp_path: Path) -> None:
    """Replicas draw dropout, steps and noise of their own: an epoch's means are those of another sample of 440 targets,
    within 10 %.
    """
    training = {"epochs": 8, "validation": {}}
    run = Run(str(tmp_path), {**training, "strategy": "mirrored"}, local_replicas=2, watched=True)
    (output,) = distributed.finish(distributed.start(run))
    assert "Kept the model after epoch" in output and list((tmp_path / "logs").iterdir())
    alone = distributed.train(Run(str(tmp_path / "alone"), training, watched=True))
    ends = slice(STEPS - 1, None, STEPS)
    np.testing.assert_allclose(distributed.result(run)["means"][ends], alone["means"][ends], rtol=0.1)


@pytest.mark.parametrize("kind", MODELS)
def test_a_replica_without_rows_adds_nothing(kind: str) -> None:
    model = build_model(parse_config({"model": {"kind": kind, "dim": 8}}).model, np.ones(NUM_ITEMS + 1, np.int64), 4)
    model.weight_per_step = 1.0
    model.compute_loss(tf.constant([[1, 2, 3]], tf.int64), training=True)
    means = [float(mean.result()) for mean in model.loss_means.values()]
    with tf.GradientTape() as tape:
        loss = model.compute_loss(tf.zeros([0, 5], tf.int64), training=True)
    assert float(loss) == 0
    assert [float(mean.result()) for mean in model.loss_means.values()] == means
    for gradient in tape.gradient(loss, model.trainable_variables):
        assert gradient is not None and not np.any(tf.convert_to_tensor(gradient))


def test_what_is_drawn_for_samples_differs_by_replica_and_what_they_share_does_not() -> None:
    model = build_model(parse_config({"model": {"dim": 8}}).model, np.ones(NUM_ITEMS + 1, np.int64), 4)
    seeds, shared = [], []
    for replica in range(3):
        with tf.distribute.ReplicaContext(tf.distribute.get_strategy(), replica):
            seeds += [tuple(model.draw_seed(purpose).numpy()) for purpose in range(7)]
            shared.append(tuple(model.shared_seed(3).numpy()))
    assert len(set(seeds)) == 3 * 7
    assert set(shared) == {seeds[3]} == {tuple(tf.random.experimental.stateless_fold_in([4, 3], 0).numpy())}
