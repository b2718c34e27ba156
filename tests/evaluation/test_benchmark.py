"""The benchmark: floors and model on one split, spread over seeds, page."""

import numpy as np
import pytest

from dimerec_tf.evaluation.benchmark import Benchmark, SplitResults, markdown_page, summarise
from tests.e2e.small_log import small_config, write_log


@pytest.fixture(scope="module")
def benchmark(tmp_path_factory: pytest.TempPathFactory) -> Benchmark:
    log = tmp_path_factory.mktemp("bench") / "log.csv"
    write_log(log)
    return Benchmark(small_config(log))


def _run(ndcg: float, seed: int) -> SplitResults:
    return {
        "seed": seed,
        "train_seconds": 10.0 * seed,
        "test": {"NDCG@10": ndcg},
        "eval": {"NDCG@10": ndcg / 2},
        "lists": {"coverage@10": 0.5},
    }


def test_model_and_floors_are_measured_on_both_splits(benchmark: Benchmark) -> None:
    rules, model = benchmark.run_floor("sequential_rules"), benchmark.run_model(seed=3)
    assert rules["test"]["HR@10"] == rules["eval"]["HR@10"] == 1.0, "the ring is what the rules count"
    assert model["seed"] == 3 and model["train_seconds"] > 0
    assert 0 < model["lists"]["coverage@10"] <= 1
    assert model["test"]["HR@10"] > 2 * benchmark.run_floor("popularity")["test"]["HR@10"]


def test_rows_hold_mean_and_sample_deviation_in_percent(benchmark: Benchmark) -> None:
    values = [0.11, 0.12, 0.16]
    runs = {"popularity": [_run(0.04, 1)], "dimerec": [_run(value, seed) for seed, value in enumerate(values)]}
    floor, model = summarise(runs, benchmark.config, "small", "ab" * 32, "dimerec bench")
    assert model["metrics"]["NDCG@10"]["mean"] == pytest.approx(100 * np.mean(values), abs=1e-3)
    assert model["metrics"]["NDCG@10"]["sd"] == pytest.approx(100 * np.std(values, ddof=1), abs=1e-3)
    assert model["validation"]["NDCG@10"]["mean"] == pytest.approx(50 * np.mean(values), abs=1e-3)
    assert model["lists"]["coverage@10"] == {"mean": 0.5, "sd": 0.0}
    assert model["train_seconds"] == 10.0 and model["seeds"] == [0, 1, 2]
    page = markdown_page([floor, model])
    assert "| popularity | 4.00 | 10 |" in page
    assert "| dimerec | 13.00 ± 2.65 | 10 |" in page
    assert "| dimerec | 6.50 ± 1.32 | 10 |" in page
    assert "seen items filtered" in page and "3 seeds" in page and "leave-one-out" in page.lower()
