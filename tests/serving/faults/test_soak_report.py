"""The verdict of a soak: what is excused, what is not, and what counts as flat."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from dimerec_tf.measuring.results import merge_results
from serving.soak.faults import Event
from serving.soak.memory import Sample
from serving.soak.report import Record, per_second, report
from serving.soak.traffic import Outcome

EVENTS = [Event("quiet", 0, 10), Event("swap", 10, 20), Event("kill", 30, 40), Event("settling", 40, 45)]
STEADY = [Outcome(second / 10, 0.010, "OK") for second in range(400)]


def record(*outcomes: Outcome, growth: float = 0.0) -> Record:
    """Forty seconds without a fault, beside these outcomes; memory grows by so many MB a second."""
    memory = [Sample(second + 0.5, 1, 500 + growth * second) for second in range(30)]
    restarted = [Sample(second + 0.5, 2, 20.0) for second in range(31, 45)]
    return Record(0, 45, [*STEADY, *outcomes], EVENTS, memory + restarted, Counter({"NOT_FOUND": 3}), [], True)


def test_a_good_run_passes() -> None:
    sections = report(record())
    assert sections["swap"]["passed"]
    assert sections["soak"]["passed"]
    assert sections["swap"]["ratio"] == pytest.approx(1.0)
    assert sections["soak"]["events"] == {"swap": 1, "kill": 1}
    assert sections["soak"]["memory"]["growth"] == 1.0


def test_failures_are_excused_while_the_server_is_killed_and_only_then() -> None:
    excused = [Outcome(29.5, 1.0, "UNAVAILABLE"), Outcome(40.5, 0.1, "UNAVAILABLE")]
    assert report(record(*excused))["soak"]["failed_while_killed"] == {"UNAVAILABLE": 2}
    assert report(record(*excused))["soak"]["passed"]
    for failure in (Outcome(28.0, 1.0, "UNAVAILABLE"), Outcome(41.5, 0.1, "HTTP 500")):
        soak = report(record(failure))["soak"]
        assert soak["failed"] == {failure.status: 1}
        assert not soak["checks"]["no_failed_request"]
        assert not soak["passed"]


def test_a_swap_must_be_quick_and_lose_nothing() -> None:
    slow = report(record(*[Outcome(15.0, 0.021, "OK")] * 10))["swap"]
    assert slow["ratio"] == pytest.approx(2.1)
    assert not slow["passed"]
    lost = report(record(Outcome(15.0, 0.01, "UNAVAILABLE")))["swap"]
    assert (lost["failed"], lost["passed"]) == (1, False)


def test_greedy_callers_must_not_slow_down_others() -> None:
    greedy = [*EVENTS, Event("greedy", 20, 30)]
    beside = [Outcome(25.0, 0.049, "OK")] * 10
    assert report(replace(record(*beside), events=greedy))["soak"]["checks"]["others_keep_their_pace"]
    slow = report(replace(record(*[Outcome(25.0, 0.051, "OK")] * 10), events=greedy))["soak"]
    assert slow["p99_ms_beside_greedy_callers"] == pytest.approx(51.0)
    assert not slow["checks"]["others_keep_their_pace"] and not slow["passed"]


def test_wrong_answers_problems_a_crash_and_growth_fail() -> None:
    good = record()
    for broken, check in (
        (record(Outcome(5, 0.01, "OK", right=False)), "no_wrong_answer"),
        (replace(good, problems=["x"]), "every_fault_answered_properly"),
        (replace(good, survived=False), "no_crash"),
        (record(growth=5.0), "memory_flat"),
    ):
        soak = report(broken)["soak"]
        assert [name for name, passed in soak["checks"].items() if not passed] == [check]
        assert not soak["passed"]


def test_every_second_has_a_row() -> None:
    rows = per_second(record(Outcome(5.5, 0.01, "UNAVAILABLE")))
    assert len(rows) == 45
    assert rows[5] == {
        "second": 5,
        "requests": 11,
        "failed": 1,
        "p50_ms": pytest.approx(10),
        "p99_ms": pytest.approx(10),
        "resident_mb": 500,
    }


def test_other_sections_of_the_file_stay(tmp_path: Path) -> None:
    file = tmp_path / "benchmarks" / "serving.json"
    merge_results(file, {"swap": float("nan")})
    assert json.loads(file.read_text()) == {"swap": None}
    merge_results(file, {"load": [], "swap": 2})
    assert json.loads(file.read_text()) == {"swap": 2, "load": []}
