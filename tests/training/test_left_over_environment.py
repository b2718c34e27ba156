"""Variables that another training, a GPU machine or another library left in the environment do no harm."""

import json
import os
import subprocess
import sys
from contextlib import nullcontext

import pytest
from tfx.components.trainer.executor import _is_chief

from dimerec_tf.config_training import StrategyName
from dimerec_tf.training.strategy import build_strategy

ELSEWHERE = {"worker": ["192.0.2.1:2222", "192.0.2.2:2222"], "ps": ["192.0.2.3:2222"]}
STALE = {
    "worker": json.dumps({"cluster": ELSEWHERE, "task": {"type": "worker", "index": 1}}),
    "server": json.dumps({"cluster": ELSEWHERE, "task": {"type": "ps", "index": 0}}),
    "no JSON": "{",
}
SCRIPT = """
import numpy as np
from dimerec_tf import DimeRec, Sequences, fit, parse_config
values = {"model": {"dim": 4, "max_history": 4, "diffusion": {"num_steps": 2}}, "training": {"epochs": 1}}
config = parse_config(values)
model = fit(config, Sequences.from_lists([[1, 2, 3], [2, 3, 1]] * 8), 3)
print([float(np.abs(weight).sum()) for weight in model.get_weights()])
"""
LEFT_OVER = {
    "TF_CONFIG": STALE["server"],
    "CUDA_VISIBLE_DEVICES": "7,GPU-none",
    "CUDA_HOME": "/nowhere",
    "OMP_NUM_THREADS": "many",
    "OMP_PROC_BIND": "spread",
}


@pytest.mark.parametrize("strategy", ["one_device", "mirrored"])
@pytest.mark.parametrize("stale", STALE.values(), ids=STALE)
def test_tf_config_of_another_training_is_dropped(
    monkeypatch: pytest.MonkeyPatch, strategy: StrategyName, stale: str
) -> None:
    monkeypatch.setenv("TF_CONFIG", stale)
    with pytest.raises(ValueError) if stale == "{" else nullcontext():
        assert not _is_chief(), "TFX's Trainer takes itself for another task"
    assert build_strategy.__wrapped__(strategy).num_replicas_in_sync == 1
    assert "TF_CONFIG" not in os.environ and _is_chief()


def test_a_training_is_the_same_with_all_of_them() -> None:
    clean = {name: value for name, value in os.environ.items() if name not in LEFT_OVER}
    weights = [_trained(clean), _trained(clean | LEFT_OVER)]
    assert weights[0] == weights[1] and len(weights[0]) > 3


def _trained(environment: dict[str, str]) -> list[float]:
    command = [sys.executable, "-c", SCRIPT]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout.splitlines()[-1])
