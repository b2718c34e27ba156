"""The demo's own part, on finished runs of the small log: its summary, for a blessed and for a refused model."""

import json
from typing import Any

import pytest

from dimerec_tf.cli import demo
from dimerec_tf.cli.pipeline import NotBlessed
from dimerec_tf.data.public import DATASET_SHA256
from tests.e2e.small_log import NUM_ITEMS, Run
from tfx_pipeline.outcome import Outcome


@pytest.fixture
def run_demo(first: Run, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    titles = [f"i{number},Item {number}" for number in range(NUM_ITEMS)]
    (tmp_path / "items.csv").write_text("\n".join(["item_id,title", *titles]) + "\n")
    monkeypatch.setattr(demo, "fetch_and_show", lambda name: tmp_path)
    monkeypatch.setattr(demo, "_config", lambda data: first.config)
    monkeypatch.setattr(demo, "TIMED_REQUESTS", 5)

    def run(outcome: Outcome) -> None:
        monkeypatch.setattr(demo, "run_pipeline", lambda config, workdir: outcome)
        demo.demo(workdir=first.workdir)

    return run


def summary(first: Run) -> dict[str, Any]:
    return json.loads((first.workdir / "summary.json").read_text())


def test_the_summary_has_it_all(first: Run, run_demo: Any, capsys: pytest.CaptureFixture[str]) -> None:
    run_demo(first.outcome)
    found = summary(first)
    assert found["dataset"] == "ml-100k" and found["data_sha256"] == DATASET_SHA256["ml-100k"]
    assert {"dimerec", "tensorflow", "tfx", "scann"} <= set(found["versions"])
    assert found["seed"] == first.config.seed and found["config_fingerprint"] == first.config.fingerprint()
    assert found["steps"]["Trainer.dimerec"]["seconds"] > 0 and found["total_seconds"] >= 0
    assert found["protocol"] == "leave-one-out, test split, full catalogue, seen items filtered"
    assert list(found["metrics"]) == ["popularity", "sequential_rules", "dimerec"]
    assert all({"HR@10", "NDCG@10", "HR@20", "NDCG@20"} <= set(values) for values in found["metrics"].values())
    assert found["blessed"] is True and found["refusals"] == [] and found["pushed_version"] == 1
    assert 0 < found["request_latency"]["p50_ms"] <= found["request_latency"]["p99_ms"]
    assert "Item " in capsys.readouterr().out


def test_a_refused_model_replaces_the_summary_of_a_blessed_one(first: Run, refused: Outcome, run_demo: Any) -> None:
    run_demo(first.outcome)
    with pytest.raises(NotBlessed):
        run_demo(refused)
    found = summary(first)
    assert found["blessed"] is False and found["pushed_version"] is None and found["request_latency"] is None
    assert any("HR@10" in sentence for sentence in found["refusals"])
