"""Runs that are kept with their models."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from dimerec_tf.evaluation.bench_runs import KeptRuns
from dimerec_tf.evaluation.benchmark import Benchmark
from tests.e2e.small_log import small_config, write_log


def _train(*_: object) -> None:
    raise AssertionError("trained again")


def test_a_kept_model_answers_as_it_did_when_it_was_trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "log.csv"
    write_log(log)
    config = small_config(log, training={"epochs": 3}).model_copy(update={"seed": 5})
    said: list[str] = []
    first = KeptRuns(tmp_path / "runs", "ring", config.data, said.append).trained("full", config)
    assert sorted(said) == [f"ring: reading {log}", "ring: training full, seed 5"]
    assert set(first.losses) == {"gem", "recon", "ssm"} and all(len(means) == 3 for means in first.losses.values())
    assert first.losses["gem"][-1] < first.losses["gem"][0]

    monkeypatch.setattr(Benchmark, "train", _train)
    again = KeptRuns(tmp_path / "runs", "ring", config.data, said.append)
    second = again.trained("renamed", config)
    histories = tf.constant([[1, 2, 3], [4, 0, 0]], tf.int64)
    np.testing.assert_array_equal(second.model.query(histories), first.model.query(histories))
    assert second.losses == first.losses and second.seconds == first.seconds
    of_first = again.benchmark.measure(first, config.evaluation)
    np.testing.assert_array_equal(again.run("renamed", config).ranks, of_first.ranks)
    with pytest.raises(AssertionError, match="trained again"):
        again.trained("full", config.model_copy(update={"seed": 6}))
