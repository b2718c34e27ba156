"""`dimerec tune` from its options to its files."""

from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from dimerec_tf.cli.main import app
from dimerec_tf.config import Config, load_config, load_preset, parse_config
from dimerec_tf.config_tuning import TuningConfig
from dimerec_tf.errors import DimeRecError
from dimerec_tf.evaluation.benchmark import Benchmark
from tests.e2e.small_log import write_log


def test_the_best_of_some_trainings_becomes_a_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A learning rate that moves nothing loses, and the test split is not asked."""
    monkeypatch.chdir(tmp_path)
    write_log(Path("log.csv"))
    config = parse_config(
        {
            "data": {"path": "log.csv"},
            "model": {"kind": "gru4rec", "dim": 16, "max_history": 6},
            "training": {"epochs": 8, "batch_size": 16},
            "tuning": {"trials": 9, "space": {"training.learning_rate": [1e-9, 0.02]}},
        }
    )
    Path("ring.yaml").write_text(config.to_yaml())
    measure = Benchmark.search

    def without_test(self: Benchmark, retriever: object, examples: object, evaluation: object) -> object:
        assert examples is not self.test
        return measure(self, retriever, examples, evaluation)

    monkeypatch.setattr(Benchmark, "search", without_test)
    options = ["tune", "--config", "ring.yaml", "--trials", "2", "--output", "out"]
    result = CliRunner().invoke(app, options, catch_exceptions=False)
    assert result.exit_code == 0 and "Trial 2 of 2: training.learning_rate" in result.output
    table = pd.read_csv("out/trials.csv")
    accuracy = table.set_index("training.learning_rate")["NDCG@10"]
    assert sorted(accuracy.index) == [1e-9, 0.02] and accuracy[0.02] > 2 * accuracy[1e-9]
    best = load_config("out/best.yaml")
    assert best.training.learning_rate == 0.02 and best.model == config.model and best.tuning is None
    assert Path("out/trials.png").exists() and not list(Path("out").rglob("checkpoint*"))

    def train(*_: object) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr(Benchmark, "train", train)
    again = CliRunner().invoke(app, options, catch_exceptions=False)
    assert again.exit_code == 0 and pd.read_csv("out/trials.csv").equals(table)


def test_a_preset_is_tuned_on_a_log_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    searched: list[Config] = []

    def search(settings: Config, *_: object) -> None:
        searched.append(settings)
        raise DimeRecError("enough")

    monkeypatch.setattr("dimerec_tf.tuning.library.library_search", search)
    options = ["--log", "my.csv", "--trials", "7", "--output", str(tmp_path)]
    result = CliRunner().invoke(app, ["tune", "--preset", "ml-100k", *options])
    assert str(result.exception) == "enough"
    (settings,) = searched
    assert (settings.data.path, settings.model) == ("my.csv", load_preset("ml-100k").model)
    assert settings.tuning == TuningConfig(trials=7)
