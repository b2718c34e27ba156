"""Two worker processes of this machine: against one, and what is left when one of them ends."""

import json
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from dimerec_tf.config import ConfigError
from dimerec_tf.training.strategy import TooLateToJoin, build_strategy
from tests import distributed_training as distributed
from tests.distributed_training import SHARED_DRAWS, Run
from tests.small_training import EVERY_STEP

EPOCHS, BATCH = 2, 7  # twelve steps an epoch, the last of which has three windows
TRAINING = {"epochs": EPOCHS, "batch_size": BATCH, "checkpoint_minutes": EVERY_STEP}
BOUND = 600  # seconds for a start and the notice of an end, on a machine that is busy


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return distributed.train(Run(str(tmp_path_factory.mktemp("alone")), TRAINING, SHARED_DRAWS))


def _two_workers(folder: Path) -> Run:
    return Run(str(folder), {**TRAINING, "strategy": "multi_worker"}, SHARED_DRAWS, checkpoints=True)


def test_the_loss_curve_of_two_workers_is_that_of_one_with_the_same_batches(
    tmp_path: Path, alone: dict[str, Any]
) -> None:
    run = _two_workers(tmp_path)
    chief, other = distributed.finish(distributed.start(run, workers=2))
    assert "epoch 2 of 2" in chief and not other, "the chief alone speaks"
    for worker in (0, 1):
        found = distributed.result(run, worker)
        for name in alone.keys() - {"table"}:
            np.testing.assert_allclose(found[name], alone[name], rtol=1e-5, atol=1e-5, err_msg=name)


def test_when_a_worker_ends_the_other_says_so_and_both_go_on_to_the_same_weights(
    tmp_path: Path, alone: dict[str, Any]
) -> None:
    run = _two_workers(tmp_path)
    for worker in distributed.start(replace(run, ends=(1, 5, signal.SIGTERM)), workers=2):
        assert "error: Told to stop." in worker.communicate(timeout=BOUND)[1]
        assert worker.returncode == os.EX_TEMPFAIL
    chief, killed = distributed.start(replace(run, ends=(1, 17, signal.SIGKILL)), workers=2)
    output, errors = chief.communicate(timeout=BOUND)
    assert "Resuming training after epoch 0 and 5 of 12 steps." in output
    assert chief.returncode == os.EX_UNAVAILABLE and killed.wait() == -signal.SIGKILL
    assert "error: Another worker of this training has ended or cannot be reached (" in errors
    assert f"The last state is {tmp_path / 'state'}/ckpt-" in errors and "Start all workers again" in errors
    for output in distributed.finish(distributed.start(run, workers=2)):
        assert "Resuming training after epoch 1 and 4 of 12 steps." in output
    resumed = distributed.result(run)
    for name in (name for name in alone if name.startswith("weight")):
        np.testing.assert_allclose(resumed[name], alone[name], rtol=1e-5, atol=1e-5, err_msg=name)
    np.testing.assert_allclose(resumed["losses"], alone["losses"][16:], rtol=1e-5)
    np.testing.assert_allclose(resumed["means"], alone["means"][16:], rtol=1e-5)


def test_workers_that_would_not_train_the_same_are_refused(tmp_path: Path) -> None:
    ports, workers = distributed.free_ports(2), []
    for task, batch_size in enumerate((7, 8)):
        folder = tmp_path / str(task)
        folder.mkdir()
        run = Run(str(folder), {"strategy": "multi_worker", "batch_size": batch_size}, SHARED_DRAWS)
        workers.append(distributed.start_worker(run, task, ports))
    for worker in workers:
        errors = worker.communicate(timeout=BOUND)[1]
        assert worker.returncode == 1 and "error: The workers of this training have different" in errors, errors


@pytest.mark.parametrize(
    ("described", "said"),
    [
        ("", "training.strategy multi_worker needs TF_CONFIG"),
        ("{", "training.strategy multi_worker needs TF_CONFIG"),
        ('{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}', "TF_CONFIG has no worker 1"),
        ('{"cluster": {"ps": ["a:1"]}, "task": {"type": "ps", "index": 0}}', "TF_CONFIG has no ps 0 that could train"),
    ],
)
def test_a_cluster_that_is_not_described_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, described: str, said: str
) -> None:
    monkeypatch.setenv("TF_CONFIG", described)
    with pytest.raises(ConfigError, match=rf'{said}.* set it to \{{"cluster": \{{"worker": \["host-0:2222"'):
        build_strategy("multi_worker")


def test_a_process_that_has_computed_cannot_join(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = {"worker": [f"localhost:{port}" for port in distributed.free_ports(2)]}
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": cluster, "task": {"type": "worker", "index": 0}}))
    tf.add(1, 1)
    with pytest.raises(TooLateToJoin, match=r"cannot join the workers .*: train by `dimerec pipeline run`"):
        build_strategy("multi_worker")
