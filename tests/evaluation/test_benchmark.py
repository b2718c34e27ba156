"""The benchmark: floors and models on one split, and runs that are kept."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from dimerec_tf.config import EvaluationConfig
from dimerec_tf.config_data import SplitConfig
from dimerec_tf.data.items import ItemsError
from dimerec_tf.data.log_reader import LogError
from dimerec_tf.evaluation.bench_config import BenchConfig, BenchEvaluation, BenchModel, Comparison
from dimerec_tf.evaluation.bench_page import markdown_page
from dimerec_tf.evaluation.bench_report import report_rows
from dimerec_tf.evaluation.bench_runs import Runs, run_benchmark
from dimerec_tf.evaluation.benchmark import Benchmark
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
        evaluation=BenchEvaluation(top_k=(10, 20)),
        seeds=(3,),
    )


def _for_two_epochs(model: BenchModel) -> BenchModel:
    """Where what a model learned does not count."""
    return model.model_copy(update={"training": model.training.model_copy(update={"epochs": 2})})


@dataclass(frozen=True)
class Finished:
    """A benchmark that is done, and what it said."""

    config: BenchConfig
    kept: Path
    results: dict[Comparison, Runs]
    said: list[str]


@pytest.fixture(scope="module")
def finished(config: BenchConfig, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    quick = config.model_copy(update={"models": {"dimerec": _for_two_epochs(config.models["dimerec"])}})
    kept, said = tmp_path_factory.mktemp("finished"), list[str]()
    return Finished(quick, kept, run_benchmark(quick, kept, said.append), said)


def _trainings(said: list[str]) -> list[str]:
    return [line for line in said if "training" in line]


def test_model_and_floors_are_measured_on_both_splits(config: BenchConfig, tmp_path: Path) -> None:
    benchmark = Benchmark(config.datasets["ring"])
    rules, popularity = (benchmark.run_floor(name, config.evaluation) for name in ("sequential_rules", "popularity"))
    trained = benchmark.train(config.run_config(FILTERED, config.models["dimerec"]), tmp_path)
    model = benchmark.measure(trained, config.evaluation_of(FILTERED))
    assert rules.metrics["HR@10"] == rules.validation["HR@10"] == 1.0, "the ring is what the rules count"
    assert model.metrics["HR@10"] > 2 * popularity.metrics["HR@10"]
    assert model.train_seconds > 0 and model.parameters > 40 * 16 and popularity.parameters == 0
    assert 0 < model.lists["coverage@10"] <= 1
    assert model.ranks.shape == rules.ranks.shape


def test_a_finished_run_is_not_trained_again(finished: Finished, monkeypatch: pytest.MonkeyPatch) -> None:
    first = finished.results[FILTERED]
    assert list(first) == ["popularity", "sequential_rules", "dimerec"]
    assert re.fullmatch(r"Run 1 of 1 after 0:\d\d:\d\d: ring, dimerec, seed 3", finished.said[-2])
    assert finished.said[-1] == "ring: training dimerec, seed 3"

    def train(*_: object) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr(Benchmark, "train", train)
    second = run_benchmark(finished.config, finished.kept, print)[FILTERED]
    assert second["dimerec"][0].metrics == first["dimerec"][0].metrics
    np.testing.assert_array_equal(second["dimerec"][0].ranks, first["dimerec"][0].ranks)
    with pytest.raises(AssertionError, match="trained again"):
        run_benchmark(finished.config.model_copy(update={"seeds": (4,)}), finished.kept, print)


@pytest.mark.parametrize(
    ("split", "protocol"),
    [
        (SplitConfig(kind="users"), "users 8:1:1, the first 80 % of a user's events predict the rest"),
        (
            SplitConfig(kind="sequences", history=4),
            "sequences 8:1:1, each prefix's last 4 events predict the next",
        ),
    ],
    ids=lambda value: getattr(value, "kind", ""),
)
def test_a_split_between_users_goes_from_log_to_page(
    config: BenchConfig, tmp_path: Path, split: SplitConfig, protocol: str
) -> None:
    data = config.datasets["ring"].model_copy(update={"split": split})
    models = {"dimerec": _for_two_epochs(config.models["dimerec"])}
    config = config.model_copy(update={"datasets": {"ring": data}, "models": models})
    runs = run_benchmark(config, tmp_path, lambda _: None)[FILTERED]
    kept = run_benchmark(config, tmp_path, lambda _: None)[FILTERED]
    np.testing.assert_array_equal(kept["dimerec"][0].ranks, runs["dimerec"][0].ranks)
    rules = runs["sequential_rules"][0]
    several = rules.ranks.shape[1] > 1
    assert several == ("Recall@10" in rules.metrics) == (split.kind == "users")
    assert rules.metrics["HR@10"] > 0.9, "the ring is what the rules count"
    rows = report_rows(config, {FILTERED: kept}, "dimerec bench")
    assert 0 < rows[2]["p_values"]["sequential_rules"] <= 1
    assert f"\n## ring: {protocol}, seen items filtered\n" in markdown_page(rows)


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


def test_other_categories_are_measured_anew_but_not_trained(finished: Finished, tmp_path: Path) -> None:
    items = tmp_path / "items.csv"
    data = finished.config.datasets["ring"].model_copy(update={"items_path": str(items)})
    config = finished.config.model_copy(update={"datasets": {"ring": data}})
    said: list[str] = []
    categories = []
    for text in ("i1,A", "i1,A\ni2,B"):
        items.write_text(f"item_id,category\n{text}\n")
        run = run_benchmark(config, finished.kept, said.append)[FILTERED]["dimerec"][0]
        categories.append(run.lists["categories@20"])
    assert categories[0] < categories[1]
    assert _trainings(finished.said + said) == ["ring: training dimerec, seed 3"]


def test_a_log_without_anything_held_out_is_refused(config: BenchConfig, tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("user_id,item_id,timestamp\nu,a,1\nu,b,2\n")
    with pytest.raises(LogError, match=r"log\.csv gives no eval example \(leave-one-out\)"):
        Benchmark(config.datasets["ring"].model_copy(update={"path": str(tmp_path / "log.csv")}))


def test_one_training_serves_every_way_to_ask_and_to_measure(finished: Finished) -> None:
    model = finished.config.models["dimerec"]
    by_interests = model.model_copy(update={"model": model.model.model_copy(update={"retrieval": "interests"})})
    both = finished.config.model_copy(update={"models": {"dimerec": model, "interests": by_interests}})
    said: list[str] = []
    results = run_benchmark(both, finished.kept, said.append)
    assert _trainings(finished.said + said) == ["ring: training dimerec, seed 3"]
    assert list(results) == [FILTERED, Comparison("ring", False)]
    ranks = [runs[name][0].ranks for runs in results.values() for name in both.models]
    assert len({other.tobytes() for other in ranks}) > 2
    rows = report_rows(both, results, "dimerec bench")
    assert [row["seen"] for row in rows] == ["filtered"] * 4 + ["unfiltered"] * 4
    assert set(rows[2]["p_values"]) == {"sequential_rules", "interests"} and rows[2]["p_values"]["interests"] < 1
