"""`dimerec tune` told to stop and killed, for real, ends with the trials of an undisturbed search."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from dimerec_tf.config import load_config, parse_config
from dimerec_tf.training.checkpoint import TrainingStopped
from tests.e2e.small_log import write_log


def _start(folder: Path, output: str) -> "subprocess.Popen[str]":
    dimerec = Path(sys.executable).with_name("dimerec")
    command = [dimerec, "tune", "--config", "ring.yaml", "--output", output]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def _end_in_training(process: "subprocess.Popen[str]", output: Path, finished: int, number: signal.Signals) -> str:
    """Sends a signal once so many trials are finished and the next one has kept an epoch; returns what was printed."""
    while process.poll() is None:
        results, states = list(output.glob("trials/*/*.json")), output.glob("trials/*/*.checkpoint/checkpoint")
        if len(results) == finished and any(not state.parent.with_suffix(".json").exists() for state in states):
            process.send_signal(number)
            break
        time.sleep(0.01)
    return process.communicate()[0]


@pytest.mark.slow
def test_a_search_that_is_stopped_and_killed_ends_with_the_trials_of_an_undisturbed_one(tmp_path: Path) -> None:
    write_log(tmp_path / "log.csv")
    config = parse_config(
        {
            "data": {"path": "log.csv"},
            "model": {"kind": "gru4rec", "dim": 16, "max_history": 6},
            "training": {"epochs": 60, "batch_size": 16},
            "tuning": {"trials": 3, "space": {"training.learning_rate": {"low": 1e-4, "high": 0.05, "scale": "log"}}},
        }
    )
    (tmp_path / "ring.yaml").write_text(config.to_yaml())
    quiet, disturbed = tmp_path / "quiet", tmp_path / "disturbed"
    undisturbed = _start(tmp_path, "quiet")
    printed = undisturbed.communicate()[0]
    assert undisturbed.returncode == os.EX_OK, printed

    stopped = _start(tmp_path, "disturbed")
    printed = _end_in_training(stopped, disturbed, 0, signal.SIGTERM)
    assert stopped.returncode == TrainingStopped.exit_code and "error: Told to stop. The last state" in printed
    for finished in (1, 2):
        killed = _start(tmp_path, "disturbed")
        printed = _end_in_training(killed, disturbed, finished, signal.SIGKILL)
        assert killed.returncode == -signal.SIGKILL and "Resuming training after epoch" in printed, printed
    last = _start(tmp_path, "disturbed")
    printed = last.communicate()[0]
    assert last.returncode == os.EX_OK and "Resuming training after epoch" in printed, printed
    assert pd.read_csv(disturbed / "trials.csv").equals(pd.read_csv(quiet / "trials.csv"))
    assert load_config(disturbed / "best.yaml") == load_config(quiet / "best.yaml")
    assert not list(tmp_path.rglob("*.checkpoint"))
