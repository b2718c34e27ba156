"""Rows and page of a benchmark, from runs that are made up."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from dimerec_tf.baselines.sasrec import SASRecConfig
from dimerec_tf.config import parse_config
from dimerec_tf.config_data import DataConfig, SplitConfig
from dimerec_tf.evaluation.bench_config import BenchConfig, BenchEvaluation, BenchModel, Comparison
from dimerec_tf.evaluation.bench_page import markdown_page
from dimerec_tf.evaluation.bench_report import MODEL_KEYS, best_baseline, paired_p_value, report_rows
from dimerec_tf.evaluation.benchmark import Run
from dimerec_tf.evaluation.json_rows import replace_rows
from tests.e2e.small_log import write_log

FILTERED = Comparison("ring", True)
SASREC = BenchModel(model=SASRecConfig(kind="sasrec"))


@pytest.fixture
def config(tmp_path: Path) -> BenchConfig:
    write_log(tmp_path / "log.csv")
    return BenchConfig(
        datasets={"ring": DataConfig(path=str(tmp_path / "log.csv"))}, models={"dimerec": BenchModel()}, seeds=(3,)
    )


def _run(ranks: list[float], validation: float) -> Run:
    ndcg = float(np.mean([1 / np.log2(1 + rank) if rank <= 10 else 0 for rank in ranks]))
    return Run(
        {"NDCG@10": ndcg}, {"NDCG@10": validation}, {"coverage@10": 0.5}, 10.0, 1234, np.array(ranks)[:, np.newaxis]
    )


def test_rows_hold_mean_and_sample_deviation_in_percent_and_a_p_value(config: BenchConfig) -> None:
    ours = [[1.0, 2.0, 5.0, np.inf], [2.0, 2.0, 4.0, 12.0]]
    runs = {
        "popularity": [_run([9.0, np.inf, np.inf, np.inf], 0.1)],
        "sequential_rules": [_run([3.0, 4.0, 9.0, np.inf], 0.3)],
        "dimerec": [_run(ranks, 0.5) for ranks in ours],
    }
    rows = report_rows(config.model_copy(update={"seeds": (1, 2)}), {FILTERED: runs}, "dimerec bench")
    model = rows[2]
    gains = np.array([[1 / np.log2(1 + rank) if rank <= 10 else 0 for rank in ranks] for ranks in ours])
    assert model["metrics"]["NDCG@10"]["mean"] == pytest.approx(100 * gains.mean(), abs=1e-3)
    assert model["metrics"]["NDCG@10"]["sd"] == pytest.approx(100 * gains.mean(axis=1).std(ddof=1), abs=1e-3)
    assert model["best_baseline"] == "sequential_rules"
    assert rows[0]["p_values"] == {} and 0 < model["p_values"]["sequential_rules"] < 1
    theirs = np.array([1 / np.log2(1 + rank) for rank in (3, 4, 9)]).sum() / 4
    assert model["differences"]["sequential_rules"] == pytest.approx(100 * (gains.mean() - theirs), abs=1e-3)
    assert model["differences"]["sequential_rules"] > 0, "ours is better"
    assert model["seeds"] == [1, 2] and model["parameters"] == 1234
    page = markdown_page(rows)
    assert page.index("| popularity |") < page.index("| sequential_rules |") < page.index("| dimerec |")
    assert "## ring: leave-one-out, seen items filtered\n" in page and "Written by `dimerec bench`." in page
    p_value, difference = model["p_values"]["sequential_rules"], model["differences"]["sequential_rules"]
    assert f"| sequential_rules +{difference:.2f} (p {p_value:.2g}) | 2 | 10 | 1,234 |" in page
    diverse = config.evaluation.model_copy(update={"diversity_weight": 0.5})
    rows = report_rows(config.model_copy(update={"evaluation": diverse}), {FILTERED: runs}, "dimerec bench")
    assert "seen items filtered, diversity weight 0.5\n" in markdown_page(rows)


def test_where_the_log_lies_does_not_change_the_configurations_hash(config: BenchConfig, tmp_path: Path) -> None:
    runs = {name: [_run([1.0], 0.1)] for name in ("popularity", "sequential_rules", "dimerec")}
    log = Path(config.datasets["ring"].path)
    copied = config.datasets["ring"].model_copy(update={"path": str(shutil.copy(log, tmp_path / "copy.csv"))})
    rows = [
        report_rows(config.model_copy(update={"datasets": {"ring": data}}), {FILTERED: runs}, "dimerec bench")[2]
        for data in (config.datasets["ring"], copied)
    ]
    assert rows[0]["config_hash"] == rows[1]["config_hash"]
    assert parse_config(rows[0]["config"]).fingerprint() == rows[0]["config_hash"], "a result gives its configuration"
    assert rows[0]["data_sha256"] == rows[1]["data_sha256"]


def test_the_best_baseline_is_chosen_on_validation(config: BenchConfig) -> None:
    runs = {
        "popularity": [_run([1.0, 2.0], 0.2)],
        "sequential_rules": [_run([9.0, 2.0], 0.3)],
        "dimerec": [_run([1.0, 2.0], 0.9)],
    }
    assert best_baseline(config, runs) == "sequential_rules"
    models = {**config.models, "sasrec": SASREC, "dimerec-gem": config.models["dimerec"]}
    with_learned = config.model_copy(update={"models": models})
    runs |= {"sasrec": [_run([5.0, 4.0], 0.5), _run([5.0, 4.0], 0.2)], "dimerec-gem": [_run([1.0, 3.0], 0.8)]}
    assert best_baseline(with_learned, runs) == "sasrec", "its mean over seeds"
    rows = {row["model"]: row for row in report_rows(with_learned, {FILTERED: runs}, "dimerec bench")}
    assert list(rows["dimerec"]["p_values"]) == ["sasrec", "dimerec-gem"] and not rows["sasrec"]["p_values"]


def test_paired_p_value_equals_the_statistic_by_hand() -> None:
    rng = np.random.default_rng(0)
    theirs = rng.random(50)
    ours = theirs + rng.normal(0.1, 0.3, 50)
    difference = ours - theirs
    statistic = difference.mean() / (difference.std(ddof=1) / np.sqrt(50))
    simulated = np.abs(rng.standard_t(49, 400_000)) > abs(statistic)
    assert paired_p_value(ours, theirs) == pytest.approx(simulated.mean(), abs=0.003)
    assert paired_p_value(ours, ours) == 1.0


def test_results_are_collected_over_commands(tmp_path: Path) -> None:
    file = tmp_path / "docs" / "rows.json"
    old, other = {"dataset": "a", "model": "m", "value": 1}, {"dataset": "b", "model": "m", "value": 2}
    replace_rows(file, [old, other], ["dataset", "model"])
    new = [{**old, "value": 3}, {**old, "model": "n", "value": 4}]
    assert replace_rows(file, new, ["dataset", "model"]) == json.loads(file.read_text()) == [other, *new]


def test_a_page_of_two_commands_keeps_apart_what_cannot_be_compared(config: BenchConfig, tmp_path: Path) -> None:
    """Another split or diversity weight has a section of its own; another top_k or best baseline does not."""
    floors = {"popularity": [_run([1.0, 3.0], 0.2)], "sequential_rules": [_run([9.0, 2.0], 0.1)]}
    wide = [
        Run({**run.metrics, "HR@5": 0.25}, run.validation, run.lists, 9.0, 1, run.ranks) for run in floors["popularity"]
    ]
    other = config.model_copy(update={"models": {"sasrec": SASREC, "wide": BenchModel()}})
    by_time = config.datasets["ring"].model_copy(update={"split": SplitConfig(kind="global_time")})
    calls = {
        "dimerec bench --config a.yaml": (config, {**floors, "dimerec": [_run([2.0, 4.0], 0.3)]}),
        "dimerec bench --config b.yaml": (other, {**floors, "sasrec": [_run([1.0, 1.0], 0.4)], "wide": wide}),
        "by time": (config.model_copy(update={"datasets": {"ring": by_time}}), floors),
        "diverse": (config.model_copy(update={"evaluation": BenchEvaluation(diversity_weight=0.5)}), floors),
    }
    for command, (of_call, runs) in calls.items():
        rows = replace_rows(tmp_path / "all.json", report_rows(of_call, {FILTERED: runs}, command), MODEL_KEYS)
    plain, timed, diverse = markdown_page(rows).split("\n## ")[1:]
    assert plain.startswith("ring: leave-one-out, seen items filtered\n")
    assert timed.startswith("ring: global-time, seen items filtered\n")
    assert diverse.startswith("ring: leave-one-out, seen items filtered, diversity weight 0.5\n")
    assert "best baseline popularity or sasrec. Written by `dimerec bench --config a.yaml`, `dimerec bench" in plain
    assert "| model | HR@5 | NDCG@10 |" in plain
    lines = {line.split(" | ")[0]: line for line in plain.split("Validation:")[0].splitlines()}
    assert lines["| dimerec"].startswith("| dimerec |  | ") and " | popularity -" in lines["| dimerec"]
    assert lines["| wide"].startswith("| wide | 25.00 | ") and " | sasrec -" in lines["| wide"]
    assert plain.count("\n| popularity |") == 3, "one row in each table"
    order = [plain.index(f"\n| {name} |") for name in ("popularity", "sequential_rules", "dimerec", "sasrec", "wide")]
    assert order == sorted(order), "floors first, whichever command was the last to measure them"
