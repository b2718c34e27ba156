"""`dimerec bench` from its options to its files."""

import json
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from dimerec_tf import config as configuration
from dimerec_tf.cli.main import app
from dimerec_tf.data import public
from dimerec_tf.errors import DimeRecError
from dimerec_tf.evaluation import bench_runs
from dimerec_tf.evaluation.bench_config import BenchConfig
from tests.e2e.small_log import NUM_ITEMS, small_config, write_log


def _bench(*options: str | Path) -> str:
    result = CliRunner().invoke(app, ["bench", *map(str, options)], catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


def test_a_preset_is_measured_with_the_categories_of_its_data_set(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[BenchConfig] = []

    def stop(settings: BenchConfig, *_: object) -> None:
        asked.append(settings)
        raise DimeRecError("enough")

    monkeypatch.setattr(public, "fetch", lambda name, cache: tmp_path / name)
    monkeypatch.setattr(bench_runs, "run_benchmark", stop)
    result = CliRunner().invoke(app, ["bench", "--preset", "ml-100k", "--output", str(tmp_path / "out")])
    assert str(result.exception) == "enough"
    data = asked[0].datasets["ml-100k"]
    assert data.path == str(tmp_path / "ml-100k" / "interactions.csv")
    assert data.items_path == str(tmp_path / "ml-100k" / "items.csv")
    assert asked[0].evaluation.top_k == (5, 10, 20, 50) and asked[0].models["dimerec"].preset == "ml-100k"


def test_files_beside_a_configuration_that_names_its_own_are_refused(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["bench", "--config", "bench.yaml", "--log", "log.csv"])
    assert str(result.exception) == "--log and --items go with --preset: bench.yaml names its own files."


def test_two_benchmarks_are_collected_on_one_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_log(Path("log.csv"))
    small = small_config(Path("log.csv"), training={"epochs": 2}).model_dump(mode="json")
    ours = {"model": small["model"], "training": small["training"]}
    by_interests = {**ours, "model": {**small["model"], "retrieval": "interests"}}
    for name, models in {"a": {"dimerec": ours}, "b": {"dimerec-gem": by_interests}}.items():
        values = {"seeds": [1], "datasets": {"ring": {"path": "log.csv"}}, "models": models}
        Path(f"{name}.yaml").write_text(yaml.safe_dump(values))
        said = _bench("--config", f"{name}.yaml", "--output", "out", "--collect", "all.json", "--page", "page.md")
        assert "Run 1 of 1 after " in said and f": ring, {next(iter(models))}, seed 1\n" in said
    rows = json.loads(Path("all.json").read_text())
    assert sorted(row["model"] for row in rows if row["seen"] == "filtered") == [
        "dimerec",
        "dimerec-gem",
        "popularity",
        "sequential_rules",
    ]
    assert all(f"{metric}@{k}" in row["metrics"] for row in rows for metric in ("HR", "NDCG", "MRR") for k in (5, 50))
    page = Path("page.md").read_text()
    assert page.count("\n## ring: leave-one-out, seen items ") == 2
    assert page.count("Written by `dimerec bench --config a.yaml`, `dimerec bench --config b.yaml`.") == 2
    assert len(json.loads(Path("out/accuracy.json").read_text())) == 6


def test_a_preset_on_a_log_of_ones_own_is_named_in_its_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log, items = tmp_path / "log.csv", tmp_path / "items.csv"
    write_log(log)
    items.write_text("item_id,category\n" + "".join(f"i{item},{item % 3}\n" for item in range(NUM_ITEMS)))
    monkeypatch.setattr(configuration, "preset_names", lambda: ["ml-1m"])
    monkeypatch.setattr(
        configuration, "_mapping", lambda *_: small_config(log, training={"epochs": 1}).model_dump(exclude_unset=True)
    )
    places = ["--output", tmp_path / "out", "--logs", tmp_path / "logs"]
    _bench("--preset", "ml-1m", "--seeds", "1", "--log", log, "--items", items, *places)
    assert list((tmp_path / "logs/ml-1m/dimerec").rglob("events*"))
    row = json.loads((tmp_path / "out" / "accuracy.json").read_text())[2]
    assert (row["dataset"], row["model"], row["preset"]) == ("ml-1m", "dimerec", "ml-1m")
    assert row["command"] == "dimerec bench --preset ml-1m --seeds 1 --log log.csv --items items.csv"
    assert row["config"]["training"]["epochs"] == 1 and str(tmp_path) not in json.dumps(row)
    assert "categories@10" in row["lists"]
