"""A pipeline whose Trainer has workers in other processes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.distributed_training import free_ports
from tests.e2e.small_log import small_config, write_log
from tfx_pipeline.outcome import read_outcome
from tfx_pipeline.workdir import Workdir


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    ("strategy", "tasks"),
    [("multi_worker", {"worker": 2}), ("parameter_server", {"chief": 1, "worker": 1, "ps": 1})],
)
def test_a_pipeline_and_its_workers_train_one_model_that_is_blessed_and_pushed(
    tmp_path: Path, strategy: str, tasks: dict[str, int]
) -> None:
    write_log(tmp_path / "log.csv")
    config = small_config(tmp_path / "log.csv", training={"strategy": strategy})
    (tmp_path / "config.yaml").write_text(config.to_yaml())
    ports = iter(free_ports(sum(tasks.values())))
    cluster = {kind: [f"localhost:{next(ports)}" for _ in range(count)] for kind, count in tasks.items()}

    def start(command: str, kind: str, index: int) -> "subprocess.Popen[str]":
        dimerec = Path(sys.executable).with_name("dimerec")
        described = {"cluster": cluster, "task": {"type": kind, "index": index}}
        return subprocess.Popen(
            [dimerec, "pipeline", command, "--config", tmp_path / "config.yaml", "--workdir", tmp_path / "work"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "TF_CONFIG": json.dumps(described)},
        )

    first, *others = ((kind, index) for kind, count in tasks.items() for index in range(count))
    for process in [start("run", *first), *(start("worker", *other) for other in others)]:
        output, _ = process.communicate()
        assert process.returncode == 0, output
    work = Workdir(tmp_path / "work")
    outcome = read_outcome(work.metadata)
    assert outcome.blessed and outcome.pushed_version == 1
    assert not list(work.checkpoints.rglob("*.json")), "no worker can take part any more"
