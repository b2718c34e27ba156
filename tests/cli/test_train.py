"""From a log to a model, its metrics and its versions for a server, by `dimerec train`, `evaluate` and `export`."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner, Result

from dimerec_tf.cli.kept_model import OtherLog
from dimerec_tf.cli.main import app
from dimerec_tf.config import ConfigError
from dimerec_tf.evaluation.benchmark import Benchmark
from dimerec_tf.export.load import ExportUnusable
from dimerec_tf.export.warmup import WARMUP_FILE
from dimerec_tf.one_writer import InUse, alone_in
from tests.e2e.small_log import small_config
from tests.export.served import Served

NUM_ITEMS = 30


def _dimerec(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, list(map(str, arguments)))


def _done(*arguments: str | Path) -> str:
    result = _dimerec(*arguments)
    assert result.exit_code == 0, result.output or result.exception
    return result.stdout


def _walks() -> list[list[str]]:
    """Users who mostly go one item further on a ring, and sometimes anywhere."""
    rng = np.random.default_rng(1)
    steps = np.where(rng.random([60, 9]) < 0.3, rng.integers(0, NUM_ITEMS, [60, 9]), 1)
    return [[f"i{item}" for item in walk] for walk in np.cumsum(steps, axis=1) % NUM_ITEMS]


def _write_log(file: Path, walks: list[list[str]]) -> None:
    rows = [f"u{user},{item},{time}" for user, walk in enumerate(walks) for time, item in enumerate(walk)]
    file.write_text("\n".join(["user_id,item_id,timestamp", *rows]) + "\n")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a log, its configuration, and the model that was trained."""
    folder = tmp_path_factory.mktemp("shop")
    _write_log(folder / "log.csv", _walks())
    config = small_config(folder / "log.csv", training={"epochs": 3}, export={"indexes": ["ivf"]})
    (folder / "shop.yaml").write_text(config.to_yaml())
    said = _done("train", "--config", folder / "shop.yaml", "--output", folder / "model")
    assert f"the model is {folder / 'model' / 'exact'}. Measure it: dimerec evaluate --model" in said
    return folder


def _served_top_ten(export: Path) -> np.ndarray:
    served = Served(export)
    histories = [walk[:-1] for walk in _walks()]
    users = len(histories)
    answer = served.run(history_item_ids=histories, k=[10] * users, filter_seen=[True] * users)
    served.session.close()
    return answer["item_ids"]


def test_what_is_measured_is_what_the_model_answers_when_it_is_served(folder: Path) -> None:
    found = json.loads(_done("evaluate", "--model", folder / "model" / "exact", "--json"))
    targets = [walk[-1].encode() for walk in _walks()]
    hits = [
        target in answer for target, answer in zip(targets, _served_top_ten(folder / "model" / "exact"), strict=True)
    ]
    assert found["metrics"]["dimerec"]["HR@10"] == pytest.approx(np.mean(hits))
    assert 0.1 < np.mean(hits) < 1.0
    assert list(found["metrics"]) == ["popularity", "sequential_rules", "dimerec"]
    assert found["protocol"] == "leave-one-out, test split, full catalogue, seen items filtered"


def test_people_get_the_protocol_and_a_row_for_each_model(folder: Path) -> None:
    said = _done("evaluate", "--model", folder / "model" / "exact")
    assert "leave-one-out, test split, full catalogue, seen items filtered, in %" in said
    assert [line.split("│")[1].strip() for line in said.splitlines() if line.startswith("│")] == [
        "popularity",
        "sequential_rules",
        "dimerec",
    ]


def test_a_finished_training_is_not_done_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def train(*_: object) -> None:
        raise AssertionError("trained again")

    before = _served_top_ten(folder / "model" / "exact")
    monkeypatch.setattr(Benchmark, "train", train)
    _done("train", "--config", folder / "shop.yaml", "--output", folder / "model")
    np.testing.assert_array_equal(_served_top_ten(folder / "model" / "exact"), before)
    assert sorted(entry.name for entry in (folder / "model").iterdir()) == [".lock", "exact", "runs", "train.log"]


def test_exports_are_versions_of_the_same_model_with_warm_up_requests(folder: Path) -> None:
    export = ("export", "--model", folder / "model" / "exact", "--output", folder / "export")
    said = _done(*export)
    exact, ivf = folder / "export" / "dimerec", folder / "export" / "dimerec_ivf"
    assert f"Version 1: {exact / '1'}, {ivf / '1'}\n" in said
    again = json.loads(_done(*export, "--index", "scann", "--json"))
    scann = folder / "export" / "dimerec_scann"
    assert again == {"version": 2, "paths": [str(exact / "2"), str(scann / "2")]}
    expected = _served_top_ten(folder / "model" / "exact")
    for version in (exact / "1", exact / "2", ivf / "1", scann / "2"):
        assert (version / WARMUP_FILE).stat().st_size > 0
        np.testing.assert_array_equal(_served_top_ten(version), expected)


def test_a_log_with_other_items_is_refused(folder: Path, tmp_path: Path) -> None:
    _write_log(tmp_path / "other.csv", [[f"other-{item}" for item in walk] for walk in _walks()])
    for command in ("evaluate", "export"):
        result = _dimerec(command, "--model", folder / "model" / "exact", "--log", tmp_path / "other.csv")
        assert isinstance(result.exception, OtherLog)
        assert f"{tmp_path / 'other.csv'} has another catalogue than {folder}" in str(result.exception)


def test_a_log_that_moved_is_named(folder: Path, tmp_path: Path) -> None:
    _write_log(tmp_path / "moved.csv", _walks())
    model = folder / "model" / "exact"
    there, here = (
        json.loads(_done("evaluate", "--model", model, "--json", *log))
        for log in ([], ["--log", tmp_path / "moved.csv"])
    )
    assert here["metrics"] == there["metrics"] and here["data_sha256"] == there["data_sha256"]


def test_a_directory_without_a_model_is_refused(folder: Path) -> None:
    result = _dimerec("evaluate", "--model", folder)
    assert isinstance(result.exception, ExportUnusable) and "is no export" in str(result.exception)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"warm_start": {}}, "warm_start goes on from a pipeline's model"),
        ({"training": {"strategy": "multi_worker"}}, "training.strategy multi_worker joins workers of a pipeline"),
    ],
)
def test_what_only_a_pipeline_can_do_is_refused(tmp_path: Path, values: dict[str, Any], message: str) -> None:
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(values))
    result = _dimerec("train", "--config", tmp_path / "config.yaml", "--output", tmp_path / "model")
    assert isinstance(result.exception, ConfigError) and message in str(result.exception)
    assert not (tmp_path / "model").exists()


def test_two_trainings_do_not_share_a_place(folder: Path) -> None:
    with alone_in(folder / "model"):
        for command in ("train", "tune"):
            result = _dimerec(command, "--config", folder / "shop.yaml", "--output", folder / "model")
            assert isinstance(result.exception, InUse) and f"{folder}/model is in use by process" in str(
                result.exception
            )
    assert (folder / "model" / "exact" / "saved_model.pb").exists()


def test_a_pipeline_and_a_refresh_do_not_share_a_workdir(folder: Path) -> None:
    (folder / "gone.txt").write_text("i1\n")
    with alone_in(folder / "work"):
        for command in (["run"], ["refresh", "--withdraw", folder / "gone.txt"]):
            result = _dimerec("pipeline", *command, "--config", folder / "shop.yaml", "--workdir", folder / "work")
            assert isinstance(result.exception, InUse) and f"{folder}/work is in use by process" in str(
                result.exception
            )
