"""The benchmark: floors and models on one split, runs that are kept, rows and page."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from dimerec_tf.cli.main import app
from dimerec_tf.config import ConfigError, EvaluationConfig, SplitConfig, load_preset
from dimerec_tf.data import public
from dimerec_tf.data.items import ItemsError
from dimerec_tf.data.log_reader import LogError
from dimerec_tf.errors import DimeRecError
from dimerec_tf.evaluation import bench_runs
from dimerec_tf.evaluation.bench_config import BenchConfig, BenchModel, Comparison, load_bench_config
from dimerec_tf.evaluation.bench_report import best_baseline, markdown_page, paired_p_value, report_rows
from dimerec_tf.evaluation.bench_runs import run_benchmark
from dimerec_tf.evaluation.benchmark import Benchmark, Run
from dimerec_tf.evaluation.json_rows import replace_rows
from tests.e2e.small_log import NUM_ITEMS, small_config, write_log

FILTERED = Comparison("ring", True)


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> BenchConfig:
    log = tmp_path_factory.mktemp("bench") / "log.csv"
    write_log(log)
    small = small_config(log)
    return BenchConfig(
        datasets={"ring": small.data},
        models={"dimerec": BenchModel(model=small.model, training=small.training)},
        evaluation=small.evaluation,
        seeds=(3,),
    )


def _run(ranks: list[float], validation: float) -> Run:
    ndcg = float(np.mean([1 / np.log2(1 + rank) if rank <= 10 else 0 for rank in ranks]))
    return Run(
        {"NDCG@10": ndcg}, {"NDCG@10": validation}, {"coverage@10": 0.5}, 10.0, 1234, np.array(ranks)[:, np.newaxis]
    )


def test_model_and_floors_are_measured_on_both_splits(config: BenchConfig) -> None:
    benchmark = Benchmark(config.datasets["ring"])
    rules, popularity = (benchmark.run_floor(name, config.evaluation) for name in ("sequential_rules", "popularity"))
    model = benchmark.measure(
        benchmark.train(config.run_config(FILTERED, config.models["dimerec"])), config.evaluation_of(FILTERED)
    )
    assert rules.metrics["HR@10"] == rules.validation["HR@10"] == 1.0, "the ring is what the rules count"
    assert model.metrics["HR@10"] > 2 * popularity.metrics["HR@10"]
    assert model.train_seconds > 0 and model.parameters > 40 * 16 and popularity.parameters == 0
    assert 0 < model.lists["coverage@10"] <= 1
    assert model.ranks.shape == rules.ranks.shape


def test_a_finished_run_is_not_trained_again(
    config: BenchConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    first = run_benchmark(config, tmp_path, said.append)[FILTERED]
    assert list(first) == ["popularity", "sequential_rules", "dimerec"]
    assert said[-1] == "ring: training dimerec, seed 3"

    def train(*_: object) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr(Benchmark, "train", train)
    second = run_benchmark(config, tmp_path, said.append)[FILTERED]
    assert second["dimerec"][0].metrics == first["dimerec"][0].metrics
    np.testing.assert_array_equal(second["dimerec"][0].ranks, first["dimerec"][0].ranks)
    with pytest.raises(AssertionError, match="trained again"):
        run_benchmark(config.model_copy(update={"seeds": (4,)}), tmp_path, said.append)


@pytest.mark.parametrize(
    ("split", "protocol"),
    [
        (SplitConfig(kind="users"), "Users 8:1:1, the first 80 % of a user's events predict the rest"),
        (
            SplitConfig(kind="sequences", history=4),
            "Sequences 8:1:1, each prefix's last 4 events predict the next",
        ),
    ],
    ids=lambda value: getattr(value, "kind", ""),
)
def test_a_split_between_users_goes_from_log_to_page(
    config: BenchConfig, tmp_path: Path, split: SplitConfig, protocol: str
) -> None:
    model = config.models["dimerec"]
    data = config.datasets["ring"].model_copy(update={"split": split})
    quick = model.model_copy(update={"training": model.training.model_copy(update={"epochs": 2})})
    config = config.model_copy(update={"datasets": {"ring": data}, "models": {"dimerec": quick}})
    runs = run_benchmark(config, tmp_path, lambda _: None)[FILTERED]
    kept = run_benchmark(config, tmp_path, lambda _: None)[FILTERED]
    np.testing.assert_array_equal(kept["dimerec"][0].ranks, runs["dimerec"][0].ranks)
    rules = runs["sequential_rules"][0]
    several = rules.ranks.shape[1] > 1
    assert several == ("Recall@10" in rules.metrics) == (split.kind == "users")
    assert rules.metrics["HR@10"] > 0.9, "the ring is what the rules count"
    rows = report_rows(config, {FILTERED: kept}, "dimerec bench")
    assert 0 < rows[2]["p_values"]["sequential_rules"] <= 1
    assert f"\n{protocol}, seen items filtered" in markdown_page(rows)


def test_a_diversity_weight_gives_lists_of_more_categories(config: BenchConfig, tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text(
        "item_id,category\n" + "".join(f"i{item},{'ABCDE'[item // 8]}\n" for item in range(NUM_ITEMS))
    )
    data = config.datasets["ring"].model_copy(update={"items_path": str(tmp_path / "items.csv")})
    off, on = (EvaluationConfig(top_k=(10, 20), diversity_weight=weight) for weight in (0.0, 1000.0))
    plain, diverse = (Benchmark(data).run_floor("popularity", evaluation) for evaluation in (off, on))
    without = Benchmark(config.datasets["ring"]).run_floor("popularity", off)
    np.testing.assert_array_equal(plain.ranks, without.ranks)
    assert set(plain.lists) - set(without.lists) == {"categories@10", "diversity@10", "categories@20", "diversity@20"}
    assert diverse.lists["categories@10"] == 5 > plain.lists["categories@10"]
    assert diverse.lists["diversity@10"] == pytest.approx(1 - 5 / 45), "two of each category"


def test_a_diversity_weight_without_categories_is_refused(config: BenchConfig) -> None:
    weighted = config.evaluation.model_copy(update={"diversity_weight": 0.5})
    with pytest.raises(ItemsError, match=r"needs categories: set data\.items_path"):
        Benchmark(config.datasets["ring"]).run_floor("popularity", weighted)


def test_other_categories_are_measured_anew_but_not_trained(config: BenchConfig, tmp_path: Path) -> None:
    items = tmp_path / "items.csv"
    data = config.datasets["ring"].model_copy(update={"items_path": str(items)})
    config = config.model_copy(update={"datasets": {"ring": data}})
    said: list[str] = []
    categories = []
    for text in ("i1,A", "i1,A\ni2,B"):
        items.write_text(f"item_id,category\n{text}\n")
        run = run_benchmark(config, tmp_path / "runs", said.append)[FILTERED]["dimerec"][0]
        categories.append(run.lists["categories@20"])
    assert categories[0] < categories[1]
    assert [line for line in said if "training" in line] == ["ring: training dimerec, seed 3"]


def test_a_log_without_anything_held_out_is_refused(config: BenchConfig, tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("user_id,item_id,timestamp\nu,a,1\nu,b,2\n")
    with pytest.raises(LogError, match=r"log\.csv gives no eval example \(leave-one-out\)"):
        Benchmark(config.datasets["ring"].model_copy(update={"path": str(tmp_path / "log.csv")}))


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
    assert model["seeds"] == [1, 2] and model["parameters"] == 1234
    page = markdown_page(rows)
    assert page.index("| popularity |") < page.index("| sequential_rules |") < page.index("| dimerec |")
    assert "seen items filtered, 2 seeds" in page and "Leave-one-out" in page and "`dimerec bench`" in page
    diverse = config.evaluation.model_copy(update={"diversity_weight": 0.5})
    rows = report_rows(config.model_copy(update={"evaluation": diverse}), {FILTERED: runs}, "dimerec bench")
    assert "seen items filtered, diversity weight 0.5, " in markdown_page(rows)


def test_where_the_log_lies_does_not_change_the_configurations_hash(config: BenchConfig, tmp_path: Path) -> None:
    runs = {name: [_run([1.0], 0.1)] for name in ("popularity", "sequential_rules", "dimerec")}
    log = Path(config.datasets["ring"].path)
    copied = config.datasets["ring"].model_copy(update={"path": str(shutil.copy(log, tmp_path))})
    rows = [
        report_rows(config.model_copy(update={"datasets": {"ring": data}}), {FILTERED: runs}, "dimerec bench")[2]
        for data in (config.datasets["ring"], copied)
    ]
    assert rows[0]["config_hash"] == rows[1]["config_hash"]
    assert rows[0]["data_sha256"] == rows[1]["data_sha256"]


def test_the_best_baseline_is_chosen_on_validation(config: BenchConfig) -> None:
    runs = {
        "popularity": [_run([1.0], 0.2)],
        "sequential_rules": [_run([9.0], 0.3)],
        "dimerec": [_run([1.0], 0.9)],
    }
    assert best_baseline(config, runs) == "sequential_rules"


def test_paired_p_value_equals_the_statistic_by_hand() -> None:
    rng = np.random.default_rng(0)
    theirs = rng.random(50)
    ours = theirs + rng.normal(0.1, 0.3, 50)
    difference = ours - theirs
    statistic = difference.mean() / (difference.std(ddof=1) / np.sqrt(50))
    simulated = np.abs(rng.standard_t(49, 400_000)) > abs(statistic)
    assert paired_p_value(ours, theirs) == pytest.approx(simulated.mean(), abs=0.003)
    assert paired_p_value(ours, ours) == 1.0


def test_a_model_restricted_to_a_data_set_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "bench.yaml"
    file.write_text("datasets: {a: {path: log.csv}}\nmodels: {m: {datasets: [b]}}\n")
    with pytest.raises(ConfigError, match=r"models.m.datasets names b, which datasets does not"):
        load_bench_config(file)
    file.write_text("datasets: {a: {path: log.csv}, b: {path: log.csv}}\nmodels: {m: {datasets: [b]}, n: {}}\n")
    loaded = load_bench_config(file)
    assert list(loaded.models_for("a")) == ["n"] and list(loaded.models_for("b")) == ["m", "n"]


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


def test_one_training_serves_every_way_to_ask_and_to_measure(config: BenchConfig, tmp_path: Path) -> None:
    model = config.models["dimerec"]
    by_interests = model.model_copy(update={"model": model.model.model_copy(update={"retrieval": "interests"})})
    both = config.model_copy(update={"models": {"dimerec": model, "interests": by_interests}})
    said: list[str] = []
    results = run_benchmark(both, tmp_path, said.append)
    assert [line for line in said if "training" in line] == ["ring: training dimerec, seed 3"]
    assert list(results) == [FILTERED, Comparison("ring", False)]
    ranks = [runs[name][0].ranks for runs in results.values() for name in both.models]
    assert len({other.tobytes() for other in ranks}) > 2
    rows = report_rows(both, results, "dimerec bench")
    assert [row["seen"] for row in rows] == ["filtered"] * 4 + ["unfiltered"] * 4
    assert set(rows[2]["p_values"]) == {"sequential_rules", "interests"} and rows[2]["p_values"]["interests"] < 1


def test_a_model_may_be_a_changed_preset(tmp_path: Path) -> None:
    file = tmp_path / "bench.yaml"
    file.write_text(
        "datasets: {a: {path: log.csv}}\n"
        "models: {m: {preset: ml-100k, changes: {ssm_weight: 0, denoiser.aggregation: mean}}}\n"
    )
    shipped, model = load_preset("ml-100k"), load_bench_config(file).models["m"]
    assert model.training == shipped.training
    assert model.model == shipped.model.model_copy(
        update={"ssm_weight": 0.0, "denoiser": shipped.model.denoiser.model_copy(update={"aggregation": "mean"})}
    )
    for line, message in {
        "{preset: ml-100k, training: {epochs: 1}}": "preset already says .* take out training",
        "{preset: ml-100k, changes: {nothing.here: 1}}": "nothing",
        "{preset: unknown}": "There is no preset 'unknown'",
    }.items():
        file.write_text(f"datasets: {{a: {{path: log.csv}}}}\nmodels: {{m: {line}}}\n")
        with pytest.raises(ConfigError, match=message):
            load_bench_config(file)


def test_results_are_collected_over_commands(tmp_path: Path) -> None:
    file = tmp_path / "docs" / "rows.json"
    old, other = {"dataset": "a", "model": "m", "value": 1}, {"dataset": "b", "model": "m", "value": 2}
    replace_rows(file, [old, other], ["dataset", "model"])
    new = [{**old, "value": 3}, {**old, "model": "n", "value": 4}]
    assert replace_rows(file, new, ["dataset", "model"]) == json.loads(file.read_text()) == [other, *new]
