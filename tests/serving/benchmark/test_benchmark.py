"""The benchmark's parts that decide what its numbers mean."""

import json
from pathlib import Path

import numpy as np
import pytest

from dimerec_tf.config import parse_config
from dimerec_tf.config_model import DimeRecConfig
from dimerec_tf.measuring.targets import target_rows
from dimerec_tf.models.dimerec import DimeRec
from serving.benchmark.catalogue import Enlargement, enlarge, enlarged_model
from serving.benchmark.pieces import Settings, planned
from serving.benchmark.report import write_report
from serving.benchmark.targets import TARGETS

TRAINED, ENLARGED = 40, 1000


@pytest.fixture(scope="module")
def trained() -> np.ndarray:
    return np.random.default_rng(0).standard_normal([TRAINED, 16]).astype(np.float32)


@pytest.fixture(scope="module")
def enlarged(trained: np.ndarray) -> Enlargement:
    return enlarge(trained, ENLARGED, seed=1)


def test_an_enlarged_catalogue_keeps_the_trained_items_and_stays_near_them(
    trained: np.ndarray, enlarged: Enlargement
) -> None:
    np.testing.assert_array_equal(enlarged.vectors[:TRAINED], trained)
    assert enlarged.vectors.shape == (ENLARGED, 16) and len(np.unique(enlarged.vectors, axis=0)) == ENLARGED
    between = np.linalg.norm(trained[:, None] - trained[None], axis=2)
    reach = np.sort(between, axis=1)[:, 10] + 1.6 * np.sort(between, axis=1)[:, 1]  # a partner away, and the noise
    assert (np.linalg.norm(enlarged.vectors - trained[enlarged.parents], axis=1) <= reach[enlarged.parents]).all()


def test_enlarging_draws_the_same_again(trained: np.ndarray, enlarged: Enlargement) -> None:
    np.testing.assert_array_equal(enlarge(trained, ENLARGED, seed=1).vectors, enlarged.vectors)


def test_histories_keep_their_trained_items(enlarged: Enlargement) -> None:
    histories = np.array([[1, 2, TRAINED], [3, 0, 0]])
    drawn = enlarged.histories(np.tile(histories, [50, 1]), seed=2)
    assert ((drawn > 0) == np.tile(histories > 0, [50, 1])).all() and drawn.max() > TRAINED
    events = np.tile(histories, [50, 1])[drawn > 0]
    np.testing.assert_array_equal(enlarged.parents[drawn[drawn > 0] - 1], events - 1)


def test_an_enlarged_model_asks_as_the_trained_one() -> None:
    config = parse_config({"model": {"dim": 16, "max_history": 6, "diffusion": {"num_steps": 4}}}).model
    assert isinstance(config, DimeRecConfig)
    model = DimeRec(config, np.ones(TRAINED + 1, np.int64), seed=3)
    larger = enlarged_model(model, config, enlarge(model.item_vectors().numpy(), ENLARGED, seed=1).vectors)
    history = np.array([[5, 7, 2]])
    assert larger.item_vectors().shape == (ENLARGED, 16)
    np.testing.assert_allclose(larger.query(history), model.query(history), rtol=1e-5, atol=1e-6)


def search_row(index: str, batch: int, milliseconds: float) -> dict:
    return {"catalogue": 1_000_000, "index": index, "recall@50": 0.985, "batch": batch, "p50_ms": milliseconds}


def load_row(catalogue: int, qps: float, p50: float, failures: dict[str, int] | None = None) -> dict:
    case = {"catalogue": catalogue, "index": "ivf", "num_steps": 1, "dim": 64, "batching": True}
    return {
        **case,
        "concurrency": 1,
        "qps": qps,
        "p50_ms": p50,
        "p95_ms": p50,
        "p99_ms": p50,
        "failures": failures or {},
    }


PHASES = {"predict_ms": 3.0, "echo_ms": 0.5, "proto_ms": 0.1, "batching_ms": 0.1, "graph_ms": 2.0}
MEASURED = {
    "search": [
        search_row("exact", 1, 20.0),
        search_row("ivf", 1, 1.0),
        search_row("scann", 1, 0.5),
        search_row("ivf", 32, 6.0),
        search_row("scann", 32, 3.0),
    ],
    "load": [load_row(10_000, 700, 2.0), load_row(100_000, 600, 2.5), load_row(1_000_000, 300, 5.0)],
    "phases": [{**PHASES, "gem_ms": 1.0, "walk_ms": 0.2, "search_ms": 0.5}],
}


def test_targets_are_ratios_of_what_was_measured() -> None:
    found = {row["target"].split(",")[0]: (row["measured"], row["met"]) for row in target_rows(TARGETS, MEASURED)}
    assert found == {
        "exact / IVF search": (20.0, True),
        "recall@50 of IVF": (0.985, True),
        "IVF / ScaNN search": (2.0, True),  # of batch 32, the later one
        "Predict call / (gRPC echo + graph)": (1.2, True),
        "latency at 1 M items / at 10 k": (2.5, False),
        "requests/s": (600, True),
    }
    first = next(
        row for row in target_rows(TARGETS, MEASURED) if row["target"].endswith("ScaNN search, 1 M items, batch 1")
    )
    assert (first["measured"], first["met"]) == (2.0, False)


def test_a_target_without_measurements_is_missing_and_failures_do_not_count_as_throughput() -> None:
    rows = target_rows(TARGETS, {"search": [], "load": [load_row(100_000, 900, 1.0, {"UNAVAILABLE": 3})], "phases": []})
    assert rows == []


def test_the_report_keeps_what_others_wrote(tmp_path: Path) -> None:
    results, page = tmp_path / "serving.json", tmp_path / "serving_benchmark.md"
    results.write_text(json.dumps({"soak": [{"minutes": 20}], "load": ["old"]}))
    write_report(MEASURED, results, page)
    written = json.loads(results.read_text())
    assert written["soak"] == [{"minutes": 20}] and written["load"] == MEASURED["load"]
    assert written["targets"] == target_rows(TARGETS, MEASURED)
    text = page.read_text()
    for name in ("search", "load", "phases"):
        assert f"images/serving/{name}.png" in text and (tmp_path / "images" / "serving" / f"{name}.png").stat().st_size
    assert "| 1,000,000 | ivf | 0.985 | 32 | 6 |" in text


def test_every_index_is_measured_at_every_size_and_number_of_steps() -> None:
    servings = [piece.serving for piece in planned(Settings((10_000, 100_000), (1,), 1.0, 1)) if piece.serving]
    cases = {serving.case for serving in servings}
    assert {case.index for case in cases} == {"exact", "ivf", "scann"}
    assert {(case.catalogue, case.num_steps) for case in cases} == {
        *((size, 1) for size in (10_000, 100_000)),
        *((100_000, steps) for steps in (2, 5, 10)),
    }
    assert len({str(serving) for serving in servings}) == len(servings), "measurements would overwrite each other"
