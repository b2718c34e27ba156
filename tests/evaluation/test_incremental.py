"""`dimerec bench-incremental`: what yesterday knew, and a row from the command."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dimerec_tf.cli import bench_incremental
from dimerec_tf.cli.main import app
from dimerec_tf.config import Config, DataConfig, load_preset, parse_config
from dimerec_tf.config_data import SplitConfig
from dimerec_tf.data.protocols import UserExample
from dimerec_tf.errors import DimeRecError
from dimerec_tf.evaluation.incremental import EventByEvent, Incremental
from tests.e2e.small_log import write_log

LOG = """user_id,item_id,timestamp
u,a,1
v,a,2
w,a,3
u,b,4
w,b,5
v,late,6
u,c,7
v,c,8
new,a,9
u,d,10
v,newest,11
new,b,12
"""


def test_every_later_event_is_asked_for_with_what_its_user_did_before(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text(LOG)
    data = DataConfig(path=str(tmp_path / "log.csv"), split=SplitConfig(kind="global_time", eval_from=7, test_from=10))
    # Training events by time: a 1, a 2, a 3, b 4, b 5, late 6.
    for without, items, events in [(0.0, {"a", "b", "late"}, 6), (0.1, {"a", "b"}, 5), (0.5, {"a"}, 3)]:
        benchmark = EventByEvent(data, without)
        assert set(benchmark.encoder.ids) == items and len(benchmark.sequences.rows) == events
        assert benchmark.counts.sum() == events and len(benchmark.counts) == benchmark.encoder.num_items + 1
        assert benchmark.eval == [UserExample("u", ["a", "b"], ["c"]), UserExample("v", ["a", "late"], ["c"])]
        assert benchmark.test == [
            UserExample("u", ["a", "b", "c"], ["d"]),
            UserExample("v", ["a", "late", "c"], ["newest"]),
            UserExample("new", ["a"], ["b"]),
        ]


def test_moments_are_cut_as_numbers_are(tmp_path: Path) -> None:
    (tmp_path / "numbers.csv").write_text(LOG)
    header, *lines = LOG.splitlines()
    events = [line.rpartition(",") for line in lines]
    rows = [f"{event},2026-01-01T00:00:00.{int(time):09}Z" for event, _, time in events]
    (tmp_path / "moments.csv").write_text("\n".join([header, *rows]))
    split = SplitConfig(kind="global_time", eval_from=0.5, test_from=0.75)
    numbers, moments = (
        EventByEvent(DataConfig(path=str(tmp_path / name), split=split), 0.5) for name in ("numbers.csv", "moments.csv")
    )
    assert (moments.eval, moments.test) == (numbers.eval, numbers.test) and moments.eval and moments.test
    assert moments.encoder.ids == numbers.encoder.ids


@pytest.fixture(scope="module")
def row(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    root = tmp_path_factory.mktemp("incremental")
    write_log(root / "log.csv")
    config = parse_config(
        {
            "data": {"path": str(root / "log.csv")},
            "model": {"kind": "sasrec", "dim": 16, "max_history": 6, "blocks": 1},
            "training": {"epochs": 15, "batch_size": 16, "learning_rate": 0.01},
            "warm_start": {"epochs": 3, "learning_rate": 0.01},
        }
    )
    (root / "ring.yaml").write_text(config.to_yaml())
    options = ["--config", "ring.yaml", "--new", "0.2", "--seeds", "1", "--output", "out", "--results", "results.json"]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        result = CliRunner().invoke(app, ["bench-incremental", *options], catch_exceptions=False)
    assert result.exit_code == 0 and "The warm start has" in result.output
    (kept,) = json.loads((root / "results.json").read_text())["incremental"]
    return kept


def test_a_warm_start_is_measured_against_a_training_from_scratch(row: dict) -> None:
    previous, scratch, warm = (row["models"][name] for name in ("previous", "from_scratch", "warm_start"))
    assert warm["NDCG@10"]["mean"] > 0.9 * scratch["NDCG@10"]["mean"] > 30, "the ring is learned, and kept"
    assert row["ndcg_ratio"] == pytest.approx(warm["NDCG@10"]["mean"] / scratch["NDCG@10"]["mean"], abs=1e-4)
    assert row["seconds_ratio"] == pytest.approx(
        warm["train_seconds"]["mean"] / scratch["train_seconds"]["mean"], abs=1e-4
    )
    assert row["command"] == "dimerec bench-incremental --config ring.yaml --new 0.2 --seeds 1"
    assert row["warm_start"] == {"epochs": 3, "learning_rate": 0.01, "new_items": "cooccurring"}
    assert previous["HR@10"]["mean"] > 0 and "/" not in json.dumps({**row, "command": ""})


def test_a_warm_start_is_measured_against_its_start(row: dict, tmp_path: Path) -> None:
    previous, warm = (row["models"][name]["NDCG@10"]["mean"] for name in ("previous", "warm_start"))
    assert row["ndcg_gain"] == pytest.approx(warm - previous, abs=1e-3) and 0 <= row["p_value"] <= 1
    assert row["protocol"] == "global-time, every later event" and row["cases"] > 0


def test_a_warm_start_that_learns_nothing_is_warned_of(tmp_path: Path) -> None:
    write_log(tmp_path / "log.csv")
    config = parse_config(
        {
            "data": {"path": str(tmp_path / "log.csv")},
            "model": {"kind": "sasrec", "dim": 8, "max_history": 6, "blocks": 1},
            "training": {"epochs": 1, "batch_size": 16},
            "warm_start": {"epochs": 1, "learning_rate": 1e-12},
        }
    )
    row = Incremental(config, "ring", 0.001, tmp_path / "runs", print)
    found = row.row([row.run(0)], "the command")
    assert found["ndcg_gain"] == 0.0 and found["p_value"] == 1.0
    assert any("no better than the model it starts from" in sentence for sentence in bench_incremental._verdict(found))
    better = {**found, "ndcg_gain": 0.1}
    assert len(bench_incremental._verdict({**better, "p_value": 0.01})) == 1
    assert len(bench_incremental._verdict({**better, "p_value": 0.4})) == 2, "chance may explain it"


def test_a_preset_is_measured_on_a_log_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Config, str, float]] = []

    class Measured:
        def __init__(self, settings: Config, dataset: str, new: float, *_: object) -> None:
            asked.append((settings, dataset, new))
            raise DimeRecError("enough")

    monkeypatch.setattr("dimerec_tf.evaluation.incremental.Incremental", Measured)
    options = ["--log", "my.csv", "--new", "0.1", "--output", str(tmp_path)]
    result = CliRunner().invoke(app, ["bench-incremental", "--preset", "ml-100k", *options])
    assert str(result.exception) == "enough"
    (settings, dataset, new), shipped = asked[0], load_preset("ml-100k")
    assert (dataset, new, settings.data.path, settings.training) == ("ml-100k", 0.1, "my.csv", shipped.training)
