"""Runs of a graph end with their callers' patience, and quick ones pay nothing for it."""

from pathlib import Path
from time import monotonic

import grpc
import numpy as np
import pytest

from serving.server import pace
from serving.server.errors import RequestError
from serving.server.loader import load_version
from serving.server.pace import Pace
from serving.server.signature import MAX_CHOICES, Signature


@pytest.fixture
def slow(toy_base: Path) -> Signature:
    return load_version(toy_base / "7").signature("slow")


def seconds_of_run(slow: Signature, of_work: float, patience: float | None) -> float:
    started = monotonic()
    try:
        slow.compute({"seconds": np.float32(of_work)}, ["rounds"], patience)
    except RequestError as error:
        assert error.code is grpc.StatusCode.DEADLINE_EXCEEDED
        assert str(error) == "The deadline passed before there was an answer."
    return monotonic() - started


def test_a_run_ends_at_its_callers_deadline(slow: Signature) -> None:
    assert seconds_of_run(slow, 20.0, 0.2) < 10.0  # of 20 s of work
    assert seconds_of_run(slow, 0.05, 20.0) < 10.0  # the next one is computed
    assert seconds_of_run(slow, 20.0, 0.2) < 10.0


def test_a_graph_that_was_quick_once_is_stopped_all_the_same(slow: Signature) -> None:
    for _ in range(3):
        assert seconds_of_run(slow, 0.2, None) >= 0.2
    assert seconds_of_run(slow, 20.0, 0.5) < 10.0


def run(pace_: Pace, cells: int, seconds: float | None, lasts: float, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether the thread that called computed."""
    times = iter([0.0, lasts])
    monkeypatch.setattr(pace, "perf_counter", lambda: next(times))
    with pace_.options(cells, seconds) as options:
        return options is pace._IN_THIS_THREAD


def test_who_computes_depends_on_how_long_runs_of_such_a_size_took(monkeypatch: pytest.MonkeyPatch) -> None:
    one = Pace()
    assert not run(one, 10, 1000.0, 0.01, monkeypatch), "nothing is known of the first"
    assert run(one, 10, 1.0, 0.01, monkeypatch)
    assert run(one, 10, None, 0.01, monkeypatch)
    assert not run(one, 10, 0.03, 0.01, monkeypatch), "four times the expected 10 ms"
    assert not run(one, 1000, 1.0, 0.01, monkeypatch), "a hundred times the cells"
    assert run(one, 1, None, 5.0, monkeypatch)
    assert not run(one, 10, 10.0, 0.01, monkeypatch), "one took 5 s"
    for _ in range(1000):
        run(one, 10, None, 0.01, monkeypatch)
    assert run(one, 10, 1.0, 0.01, monkeypatch), "it is forgotten in time"


def test_a_quick_refusal_teaches_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    one, times = Pace(), iter([0.0, 0.001, 0.0, 1.0])
    monkeypatch.setattr(pace, "perf_counter", lambda: next(times))
    with pytest.raises(ValueError, match="refused"), one.options(1, None):
        raise ValueError("refused")
    with one.options(1, 1000.0) as options:
        assert options is not pace._IN_THIS_THREAD


def test_orders_of_outputs_share_one_run_and_choices_are_bounded(
    toy_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    signature = load_version(toy_base / "7").signature("serving_default")
    inputs = {**signature.defaults, "history_item_ids": np.array([[b"a"]], object)}
    assert list(signature.compute(inputs, ["scores", "item_ids"])) == ["scores", "item_ids"]
    assert list(signature.compute(inputs, ["item_ids", "scores"])) == ["item_ids", "scores"]
    assert list(signature._prepared) == [("cold_start", "item_ids", "scores"), ("item_ids", "scores")]
    assert MAX_CHOICES >= 2
    monkeypatch.setattr("serving.server.signature.MAX_CHOICES", 2)
    picked = signature.compute(inputs, ["scores"])
    assert list(picked) == ["scores"] and picked["scores"][0, 0] == 7.0
    assert len(signature._prepared) == 2
