"""`dimerec bench-incremental`: what yesterday knew, and a row from the command."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dimerec_tf.cli.main import app
from dimerec_tf.config import Config, DataConfig, load_preset, parse_config
from dimerec_tf.errors import DimeRecError
from dimerec_tf.evaluation.incremental import Yesterday
from tests.e2e.small_log import write_log

LOG = """user_id,item_id,timestamp
u,a,1
u,b,2
u,late,8
u,c,9
u,d,10
v,a,3
v,c,4
v,newest,7
w,a,5
w,b,6
"""


def test_yesterday_lacks_the_latest_training_events_and_asks_the_same(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text(LOG)
    data = DataConfig(path=str(tmp_path / "log.csv"))
    # Training events by time: a 1, b 2, a 3, a 5, b 6, late 8. The other two of u and v are held out.
    for new, items, events in [(0.1, {"a", "b"}, 5), (0.5, {"a", "b"}, 3), (0.8, {"a"}, 1)]:
        yesterday = Yesterday(data, new)
        assert set(yesterday.encoder.ids) == items and len(yesterday.sequences.rows) == events
        assert [example.targets for example in yesterday.test] == [["d"], ["newest"]]
        assert yesterday.counts.sum() == events and len(yesterday.counts) == yesterday.encoder.num_items + 1


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
