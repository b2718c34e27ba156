"""A chief, two workers and two parameter servers, each a process of this machine."""

import itertools
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from dimerec_tf.training.parameter_servers import by_whole
from tests import distributed_training as distributed
from tests.distributed_training import Run
from tests.small_training import EVERY_STEP

ITEMS = 20_000  # a table of 640 KB, of which each server holds a half
BOUND = 600
Process = "subprocess.Popen[str]"


@contextmanager
def _cluster(run: Run) -> Iterator[dict[str, list[Process]]]:
    tasks = {"ps": 2, "worker": 2, "chief": 1}
    ports = iter(distributed.free_ports(sum(tasks.values())))
    cluster = {kind: [f"localhost:{next(ports)}" for _ in range(count)] for kind, count in tasks.items()}
    processes = {
        kind: [distributed.start_task(run, cluster, kind, task) for task in range(count)]
        for kind, count in tasks.items()
    }
    try:
        yield processes
    finally:
        for process in itertools.chain(*processes.values()):
            process.kill()
            process.communicate()


def test_servers_that_hold_parts_of_the_item_table_train_a_model(tmp_path: Path) -> None:
    training = {"strategy": "parameter_server", "epochs": 8, "batch_size": 8, "learning_rate": 0.02}
    run = Run(str(tmp_path), training, {"dropout": 0.0}, ITEMS, watched=True)
    with _cluster(run) as processes:
        output, errors = processes["chief"][0].communicate(timeout=BOUND)
    assert processes["chief"][0].returncode == 0, errors
    assert "epoch 8 of 8" in output
    result = distributed.result(run)
    assert len(result["losses"]) == 8 * 10
    assert (ITEMS + 1, 8) in {value.shape for name, value in result.items() if name.startswith("weight")}
    assert sorted(part.split("/task")[0] for part in result["table"]) == [
        "10000 rows on /job:ps/replica:0",
        "10001 rows on /job:ps/replica:0",
    ]
    assert len({part.split("/task:")[1] for part in result["table"]}) == 2, "each on a server of its own"
    assert np.mean(result["losses"][-10:]) < 0.8 * np.mean(result["losses"][:10])


@pytest.mark.slow
def test_a_lost_worker_is_done_without_and_a_lost_server_ends_a_training_that_goes_on_later(tmp_path: Path) -> None:
    training = {"strategy": "parameter_server", "epochs": 60, "batch_size": 8, "checkpoint_minutes": EVERY_STEP}
    run = Run(str(tmp_path), training, {"dropout": 0.0}, ITEMS, checkpoints=True)
    with _cluster(run) as processes:
        _wait_for_states(tmp_path, 1)
        processes["worker"][1].kill()
        _wait_for_states(tmp_path, 3)
        processes["ps"][0].kill()
        _, errors = processes["chief"][0].communicate(timeout=BOUND)
        assert processes["chief"][0].returncode == os.EX_UNAVAILABLE, errors
        assert "error: Another worker of this training has ended or cannot be reached (" in errors
        assert f"The last state is {tmp_path / 'state'}/ckpt-" in errors
    with _cluster(run) as processes:
        output, errors = processes["chief"][0].communicate(timeout=BOUND)
    assert processes["chief"][0].returncode == 0, errors
    assert "Resuming training after epoch" in output and "epoch 60 of 60" in output


def _wait_for_states(folder: Path, count: int) -> None:
    """Until so many further states are kept, of which each takes the place of the last."""
    for _ in range(count):
        former = tf.train.latest_checkpoint(str(folder / "state"))
        ends = time.monotonic() + BOUND
        while tf.train.latest_checkpoint(str(folder / "state")) == former:
            assert time.monotonic() < ends, "no state was kept"
            time.sleep(0.05)


def test_weights_in_parts_are_joined_in_order() -> None:
    wholes = [tf.Variable(tf.zeros(shape)) for shape in ([5, 2], [], [3])]
    table, scale, bias = np.arange(10.0).reshape(5, 2), np.array(3.0), np.arange(3.0)
    parts = [table[:2], table[2:4], table[4:], scale, bias]
    joined = [np.concatenate(of_one) if len(of_one) > 1 else of_one[0] for of_one in by_whole(parts, wholes)]
    for found, expected in zip(joined, (table, scale, bias), strict=True):
        np.testing.assert_array_equal(found, expected)
