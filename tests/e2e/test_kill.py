"""A pipeline killed in each of its steps, and within its training, ends where an undisturbed one ends."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dimerec_tf.config import Config
from serving.client.client import RecommendClient
from serving.server.app import start_server
from tests.e2e.small_log import small_config, write_log
from tfx_pipeline.outcome import read_outcome
from tfx_pipeline.workdir import Workdir

TRAINER = "Trainer.dimerec"
STEP_MARK = ":"  # a step's line is "HH:MM:SS name"


def _start(config_file: Path, workdir: Path) -> "subprocess.Popen[str]":
    dimerec = Path(sys.executable).with_name("dimerec")
    return subprocess.Popen(
        [dimerec, "pipeline", "run", "--config", str(config_file), "--workdir", str(workdir)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )


def _finish(config_file: Path, workdir: Path) -> None:
    process = _start(config_file, workdir)
    output, _ = process.communicate()
    assert process.returncode == 0, output


def _kill_in(step: str, config_file: Path, workdir: Path) -> str:
    """Kills the run shortly after a step's line appeared, and returns what it printed until then."""
    process = _start(config_file, workdir)
    assert process.stdout is not None
    seen = []
    for line in process.stdout:
        seen.append(line)
        if STEP_MARK in line and line.split()[-1] == step:
            time.sleep(0.2)
            process.send_signal(signal.SIGKILL)
            break
    process.stdout.close()
    assert process.wait() == -signal.SIGKILL, f"{step} never ran:\n{''.join(seen)}"
    return "".join(seen)


def _kill_in_training(config_file: Path, workdir: Workdir) -> None:
    """Kills the run once an epoch's state is kept."""
    process = _start(config_file, workdir.root)
    while not list(workdir.checkpoints.rglob("checkpoint")) and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    output, _ = process.communicate()
    assert process.returncode == -signal.SIGKILL, f"no epoch ended:\n{output}"


@pytest.fixture
def log_config(tmp_path: Path) -> tuple[Config, Path]:
    write_log(tmp_path / "log.csv")
    config = small_config(tmp_path / "log.csv")
    (tmp_path / "config.yaml").write_text(config.to_yaml())
    return config, tmp_path / "config.yaml"


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_killed_in_every_step_it_ends_with_the_same_result(log_config: tuple[Config, Path], tmp_path: Path) -> None:
    config, config_file = log_config
    quiet, disturbed = Workdir(tmp_path / "quiet"), Workdir(tmp_path / "disturbed")
    _finish(config_file, quiet.root)
    expected = read_outcome(quiet.metadata)

    printed = []
    for step in expected.steps:
        printed.append(_kill_in(step.name, config_file, disturbed.root))
        if step.name == TRAINER:
            _kill_in_training(config_file, disturbed)
        versions = disturbed.serving(config.name)
        if versions.exists():
            assert [entry.name for entry in versions.iterdir() if entry.name.isdigit()] in ([], ["1"])
    _finish(config_file, disturbed.root)

    assert any("Resuming training after epoch" in output for output in printed)
    outcome = read_outcome(disturbed.metadata)
    assert outcome.metrics.keys() == expected.metrics.keys()
    for model, metrics in expected.metrics.items():
        assert outcome.metrics[model] == pytest.approx(metrics, rel=1e-9), "more than the order of a sum"
    assert outcome.blessed and outcome.pushed_version == 1
    for export in (config.name, f"{config.name}_ivf", f"{config.name}_scann"):
        served = [_served_ids(export, work) for work in (quiet, disturbed)]
        assert served[0] == served[1]


def _served_ids(export: str, work: Workdir) -> list[list[str]]:
    server = start_server({export: work.serving(export)}, "127.0.0.1:0")
    try:
        with RecommendClient(f"127.0.0.1:{server.port}", export) as client:
            histories = [[f"i{start}", f"i{start + 1}"] for start in range(10)]
            return [answer.item_ids for answer in client.recommend(histories, k=10)]
    finally:
        server.stop()
