"""Small trainings of several replicas, each worker a process.

Run as `python -m tests.distributed_training RUN`, the path of a JSON `Run`; TF_CONFIG says which worker it is.
"""

import json
import os
import socket
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from dimerec_tf.config import Config
from dimerec_tf.edge import catching_errors
from dimerec_tf.models.base import SequenceModel
from dimerec_tf.training.fit import fit
from dimerec_tf.training.parameter_servers import serve
from dimerec_tf.training.strategy import described_cluster, only_serves
from tests.small_training import NUM_ITEMS, ring, ring_cases, small_config

# Nothing of it is drawn for a sample, so that how a batch is shared out changes nothing.
SHARED_DRAWS = {"dropout": 0.0, "recon_weight": 0.0, "ssm_weight": 0.0, "retrieval": "interests"}


@dataclass(frozen=True)
class Run:
    """A training of `small_config` whose losses after each step and weights go to `<folder>/<worker>.npz`."""

    folder: str
    training: dict[str, Any]
    model: dict[str, Any] = field(default_factory=dict)
    num_items: int = NUM_ITEMS
    local_replicas: int = 1
    checkpoints: bool = False
    watched: bool = False  # with a validation and curves
    ends: tuple[int, int, int] | None = None  # a worker, a step, and the signal that it gets after it

    def config(self) -> Config:
        return small_config(self.training, **self.model)


class LossCurve(tf.keras.callbacks.Callback):
    """The loss of each step, the losses' means after it, and where the item table lies; after some step the process
    gets a signal.
    """

    def __init__(self, step: int | None = None, number: int = 0) -> None:
        super().__init__()
        self.step, self.number = step, number
        self.losses: list[float] = []
        self.means: list[list[float]] = []
        self.table: list[str] = []

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self.table = [f"{part.shape[0]} rows on {part.device}" for part in self.model.items.weights]

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        assert logs
        self.losses.append(float(logs["loss"]))
        self.means.append([float(logs[name]) for name in self.model.loss_means])
        if self.model.steps_trained.numpy() == self.step:
            os.kill(os.getpid(), self.number)


def start(run: Run, workers: int = 1) -> "list[subprocess.Popen[str]]":
    """Starts every worker of a run; with one worker there is no TF_CONFIG."""
    return [start_worker(run, task, ports) for ports in [free_ports(workers)] for task in range(workers)]


def start_worker(run: Run, task: int, ports: list[int]) -> "subprocess.Popen[str]":
    cluster = {"worker": [f"localhost:{port}" for port in ports]}
    return start_task(run, cluster if len(ports) > 1 else None, "worker", task)


def start_task(run: Run, cluster: dict[str, list[str]] | None, kind: str, task: int) -> "subprocess.Popen[str]":
    """Starts a process of a cluster, or one alone."""
    path = Path(run.folder) / "run.json"
    path.write_text(json.dumps(asdict(run)))
    described = {"TF_CONFIG": json.dumps({"cluster": cluster, "task": {"type": kind, "index": task}})}
    return subprocess.Popen(
        [sys.executable, "-m", "tests.distributed_training", path],
        env=os.environ | (described if cluster else {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(processes: "list[subprocess.Popen[str]]") -> list[str]:
    """Waits for workers that have to succeed; returns what each has printed."""
    ended = [process.communicate() for process in processes]
    for process, (_, errors) in zip(processes, ended, strict=True):
        assert process.returncode == 0, errors
    return [output for output, _ in ended]


def result(run: Run, task: int = 0) -> dict[str, Any]:
    """What a worker has written."""
    with np.load(Path(run.folder) / f"{task}.npz") as kept:
        return dict(kept)


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("localhost", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def arrays(model: SequenceModel, curve: LossCurve) -> dict[str, Any]:
    """What a run writes: the loss curve and the weights by number."""
    weights = {f"weight_{number:02}": weight for number, weight in enumerate(model.get_weights())}
    return {"losses": np.array(curve.losses), "means": np.array(curve.means), "table": np.array(curve.table), **weights}


def train(run: Run, task: int = 0) -> dict[str, Any]:
    """Trains in this process."""
    curve = LossCurve(*run.ends[1:]) if run.ends and run.ends[0] == task else LossCurve()
    state, logs = Path(run.folder) / "state", Path(run.folder) / "logs"
    model = fit(
        run.config(),
        ring(),
        run.num_items,
        state if run.checkpoints else None,
        [curve],
        ring_cases() if run.watched else None,
        logs if run.watched else None,
    )
    return arrays(model, curve)


def _main(path: str) -> None:
    run = Run(**json.loads(Path(path).read_text()))
    if run.local_replicas > 1:
        parts = [tf.config.LogicalDeviceConfiguration()] * run.local_replicas
        tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], parts)
    if only_serves(run.config().training.strategy):
        serve(described_cluster("parameter_server")).join()
    task = json.loads(os.environ["TF_CONFIG"])["task"]["index"] if "TF_CONFIG" in os.environ else 0
    np.savez(Path(run.folder) / f"{task}.npz", **train(run, task))


if __name__ == "__main__":
    with catching_errors():
        _main(*sys.argv[1:])
