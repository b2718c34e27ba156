"""What the numbers of the training benchmark rest on."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from dimerec_tf.baselines.dreamrec import DreamRec, DreamRecConfig
from dimerec_tf.baselines.multi_interest import ComiRec, ComiRecConfig
from dimerec_tf.measuring.targets import target_rows
from dimerec_tf.models.base import SequenceModel
from dimerec_tf.training_benchmark.pieces import planned
from dimerec_tf.training_benchmark.report import write_report
from dimerec_tf.training_benchmark.steps import dimerec, training_step
from dimerec_tf.training_benchmark.systems import OnePrefixComiRec, OnePrefixDreamRec
from dimerec_tf.training_benchmark.targets import TARGETS

COUNTS = np.ones(31, np.int64)
SIZES: dict[str, Any] = {"dim": 8, "max_history": 6}
COMIREC = ComiRecConfig(kind="comirec", **SIZES)
DREAMREC = DreamRecConfig(kind="dreamrec", dropout=0.0, **SIZES)
PAIRS: list[tuple[SequenceModel, SequenceModel]] = [
    (OnePrefixComiRec(COMIREC, COUNTS, 1), ComiRec(COMIREC, COUNTS, 1)),
    (OnePrefixDreamRec(DREAMREC, COUNTS, 1), DreamRec(DREAMREC, COUNTS, 1)),
]


@pytest.mark.parametrize(("peer", "model"), PAIRS)
def test_windows_with_one_prefix_have_the_same_loss_in_a_peers_loop(peer: SequenceModel, model: SequenceModel) -> None:
    peer.set_weights(model.get_weights())
    windows = tf.constant(np.random.default_rng(0).integers(1, 31, (9, 2)))
    ((name, expected),) = model.losses_of(windows, training=False).items()
    assert float(peer.losses_of(windows, training=False)[name]) == pytest.approx(float(expected), rel=1e-5)


def test_a_timed_step_trains() -> None:
    model = dimerec(num_items=50, num_negatives=16)
    before = model.items.table.numpy()
    training_step(model, 4, 6)
    assert np.any(model.items.table.numpy() != before)


def test_no_step_compares_targets_with_the_catalogue() -> None:
    catalogue = 4099  # a size that nothing else has
    model = dimerec(num_items=catalogue, num_negatives=16)

    def sizes(model: SequenceModel) -> set[int | None]:
        windows = tf.TensorSpec([4, 7], tf.int64)
        graph = (
            tf.function(lambda windows: model.losses_of(windows, training=True)).get_concrete_function(windows).graph
        )
        shapes = [output.shape for operation in graph.get_operations() for output in operation.outputs]
        return {shape[-1] for shape in shapes if shape.rank is not None and shape.rank > 1}

    assert catalogue not in sizes(model)
    model.sampler.config = model.sampler.config.model_copy(update={"kind": "full"})
    assert catalogue in sizes(model), "a full softmax would be seen"


def test_large_catalogues_are_tried_with_lazy_items_only_and_as_far_as_asked() -> None:
    tried = [piece.inputs[:2] for piece in planned(3, 10_000_000) if piece.key == "catalogues"]
    assert (10_000_000, True) in tried and (1_000_000, False) in tried and (10_000_000, False) not in tried
    assert {piece.inputs[0] for piece in planned(3, 20_000) if piece.key == "catalogues"} == {10_000}
    assert len({str(piece) for piece in planned(3, 10_000_000)}) == len(list(planned(3, 10_000_000)))


def _measured() -> dict[str, list[dict[str, Any]]]:
    rates = {"dimerec": 4000, "comirec_sa": 500, "dreamrec": 300, "diffurec": 200}
    softmax = {"targets": 100, "step_ms": 1.0, "full_softmax_logits_mb": 900}
    return {
        "systems": [
            {"system": name, "events": events, "targets_per_second": rate * events}
            for events in (51, 11)
            for name, rate in rates.items()
        ],
        "catalogues": [
            {"catalogue": size, "lazy_items": lazy, "step_ms": 10.0 if lazy else size / 1e3, "peak_mb": size / 1e3}
            for size in (10_000, 10_000_000)
            for lazy in (True, False)
        ],
        "softmax": [
            {**softmax, "negatives": 64, "peak_mb": 500, "logits_mb": 1},
            {**softmax, "negatives": 4096, "peak_mb": 700, "logits_mb": 51},
        ],
        "inputs": [{"log": "long", "input_wait_share": 0.01}, {"log": "short", "input_wait_share": 0.07}],
        "switches": [{"preset": "paper", "switch": "none", "step_ms": 1.0, "times_as_fast": 1.0}],
        "prefixes": [{"history": 50, "blocks_ms": 2.0, "each_prefix_ms": 3.0}],
    }


def test_the_report_has_ratios_and_keeps_what_others_wrote(tmp_path: Path) -> None:
    results, page = tmp_path / "training.json", tmp_path / "training_benchmark.md"
    model = {"NDCG@10": {"mean": 12.0}, "train_seconds": {"mean": 100.0}}
    warm = {"NDCG@10": {"mean": 11.9}, "train_seconds": {"mean": 15.0}}
    row = {
        **{"dataset": "ml-1m", "new_events": 0.05, "new_items": 2, "seeds": 1, "ndcg_ratio": 0.99},
        **{"protocol": "by time", "ndcg_gain": 0.5, "p_value": 0.04},
        **{"seconds_ratio": 0.15, "models": {"previous": model, "from_scratch": model, "warm_start": warm}},
    }
    results.write_text(json.dumps({"incremental": [row], "systems": ["old"]}))
    write_report(_measured(), results, page)
    written = json.loads(results.read_text())
    assert written["incremental"] == [row]
    assert written["targets_per_second"]["dimerec"] == 4000 * 51 and written["input_wait_share"] == 0.07
    assert written["softmax"][1]["copies"] == 4.0 and written["softmax"][0]["copies"] is None
    met = {target["target"].split(",")[0]: (target["measured"], target["met"]) for target in written["targets"]}
    assert met == {
        "largest share of time in which a step waits for input": (0.07, False),
        "targets/s of DimeRec / of DiffuRec": (20.0, True),
        "step at 10 M items / at 10 k": (1.0, True),
        "p-value of a warm start's gain over the model it starts from": (0.04, True),
        "NDCG@10 of a warm start / of training from scratch": (0.99, True),
        "time of a warm start / of training from scratch": (0.15, True),
    }
    text = page.read_text()
    assert "| ml-1m | by time | 0.05 | 2 | 1 | 12 | 12 | 11.9 | 0.5 | 0.04 | 0.99 | 100 | 15 | 0.15 |" in text
    for name in ("systems", "catalogues", "prefixes"):
        assert (tmp_path / "images" / "training" / f"{name}.png").stat().st_size and f"training/{name}.png" in text


@pytest.mark.parametrize(("gain", "chance", "met"), [(0.5, 0.04, True), (0.0, 0.04, False), (-0.5, 0.04, False)])
def test_a_warm_start_that_learns_nothing_does_not_reach_its_target(gain: float, chance: float, met: bool) -> None:
    (row,) = target_rows(TARGETS, {"incremental": [{"ndcg_gain": gain, "p_value": chance}]})[:1]
    assert row["target"].startswith("p-value") and row["met"] is met
    assert row["measured"] == (chance if met else 1.0)
