"""A pipeline whose Trainer shares its batches with a worker of another process."""

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
def test_a_pipeline_and_a_worker_train_one_model_that_is_blessed_and_pushed(tmp_path: Path) -> None:
    write_log(tmp_path / "log.csv")
    config = small_config(tmp_path / "log.csv", training={"strategy": "multi_worker"})
    (tmp_path / "config.yaml").write_text(config.to_yaml())
    cluster = {"worker": [f"localhost:{port}" for port in free_ports(2)]}

    def start(command: str, index: int) -> "subprocess.Popen[str]":
        dimerec = Path(sys.executable).with_name("dimerec")
        described = {"cluster": cluster, "task": {"type": "worker", "index": index}}
        return subprocess.Popen(
            [dimerec, "pipeline", command, "--config", tmp_path / "config.yaml", "--workdir", tmp_path / "work"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "TF_CONFIG": json.dumps(described)},
        )

    chief, worker = start("run", 0), start("worker", 1)
    for process in (chief, worker):
        output, _ = process.communicate()
        assert process.returncode == 0, output
    work = Workdir(tmp_path / "work")
    outcome = read_outcome(work.metadata)
    assert outcome.blessed and outcome.pushed_version == 1
    assert not list(work.checkpoints.rglob("*.json")), "no worker can take part any more"
