"""What happened, in numbers, and whether that is good enough."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from serving.soak.faults import Event
from serving.soak.memory import Sample
from serving.soak.traffic import Outcome

_NOTHING = ("quiet", "settling")
SWAP_RATIO = 2.0  # p99 while versions are swapped, at most so many times the steady p99
GREEDY_RATIO = 5.0  # p99 beside greedy callers, at most so many times the steady p99
MEMORY_GROWTH = 1.1  # median of the last quarter of the longest life, at most so many times that of its second quarter
AFTER_RESTART_SECONDS = 1.0  # in which clients find the server again


@dataclass(frozen=True)
class Record:
    """Everything that was observed; times are on the clock of `time.monotonic`."""

    started: float
    ended: float
    outcomes: Sequence[Outcome]
    events: Sequence[Event]
    memory: Sequence[Sample]
    refusals: Counter[str]
    problems: Sequence[str]
    survived: bool


def report(record: Record) -> dict[str, Any]:
    """The sections `swap` and `soak` of `docs/benchmarks/serving.json`."""
    return {"swap": _swap(record), "soak": _soak(record)}


def per_second(record: Record) -> list[dict[str, float]]:
    """A row for each second: requests, failures, p50 and p99 in milliseconds, the server's memory in MB."""
    seconds: dict[int, list[Outcome]] = defaultdict(list)
    for outcome in record.outcomes:
        seconds[int(outcome.started - record.started)].append(outcome)
    memory = {int(sample.time - record.started): sample.resident_mb for sample in record.memory}
    return [
        {
            "second": second,
            "requests": len(seconds[second]),
            "failed": sum(outcome.status != "OK" for outcome in seconds[second]),
            **_percentiles(seconds[second]),
            "resident_mb": round(memory.get(second, float("nan")), 1),
        }
        for second in range(int(record.ended - record.started))
    ]


def _swap(record: Record) -> dict[str, Any]:
    swapping = _during(record, "swap")
    steady, swap = _percentiles(_during(record, "quiet")), _percentiles(swapping)
    ratio = swap["p99_ms"] / steady["p99_ms"]
    failed = sum(outcome.status != "OK" for outcome in swapping)
    return {
        "swaps": sum(event.kind == "swap" for event in record.events),
        "requests": len(swapping),
        "failed": failed,
        "steady_p50_ms": steady["p50_ms"],
        "steady_p99_ms": steady["p99_ms"],
        "p50_ms": swap["p50_ms"],
        "p99_ms": swap["p99_ms"],
        "ratio": round(ratio, 2),
        "passed": failed == 0 and ratio <= SWAP_RATIO,
    }


def _soak(record: Record) -> dict[str, Any]:
    failures = [outcome for outcome in record.outcomes if outcome.status != "OK"]
    excused = [outcome for outcome in failures if _is_excused(outcome, record.events)]
    memory = _memory(record)
    steady, beside = _percentiles(_during(record, "quiet")), _percentiles(_during(record, "greedy"))
    wrong = sum(not outcome.right for outcome in record.outcomes)
    checks = {
        "no_failed_request": len(failures) == len(excused),
        "no_wrong_answer": wrong == 0,
        "every_fault_answered_properly": not record.problems,
        "no_crash": record.survived,
        "memory_flat": memory["growth"] <= MEMORY_GROWTH,
        "others_keep_their_pace": not beside["p99_ms"] > GREEDY_RATIO * steady["p99_ms"],
    }
    return {
        "minutes": round((record.ended - record.started) / 60, 1),
        "requests": len(record.outcomes),
        "failed": dict(Counter(outcome.status for outcome in failures if outcome not in excused)),
        "failed_while_killed": dict(Counter(outcome.status for outcome in excused)),
        "wrong_answers": wrong,
        "malformed": dict(record.refusals.most_common()),
        "events": dict(Counter(event.kind for event in record.events if event.kind not in _NOTHING)),
        "steady_p99_ms": steady["p99_ms"],
        "p99_ms_beside_greedy_callers": beside["p99_ms"],
        "problems": list(record.problems[:20]),
        "memory": memory,
        "checks": checks,
        "passed": all(checks.values()),
    }


def _is_excused(outcome: Outcome, events: Sequence[Event]) -> bool:
    """Whether a request ran while the server was killed, down or just back."""
    return any(
        event.kind == "kill"
        and outcome.ended >= event.started
        and outcome.started <= event.ended + AFTER_RESTART_SECONDS
        for event in events
    )


def _during(record: Record, kind: str) -> list[Outcome]:
    """Requests that ran at a time when something was done."""
    spans = [(event.started, event.ended) for event in record.events if event.kind == kind]
    return [
        outcome
        for outcome in record.outcomes
        if any(start <= outcome.ended and outcome.started <= end for start, end in spans)
    ]


def _percentiles(outcomes: Sequence[Outcome]) -> dict[str, float]:
    times = [outcome.seconds * 1e3 for outcome in outcomes if outcome.status == "OK"]
    if not times:
        return {"p50_ms": float("nan"), "p99_ms": float("nan")}
    p50, p99 = np.percentile(times, [50, 99])
    return {"p50_ms": round(float(p50), 2), "p99_ms": round(float(p99), 2)}


def _memory(record: Record) -> dict[str, float]:
    """Of the process that served longest: after a first quarter of warming up it should not grow."""
    starting = [event for event in record.events if event.kind in ("kill", "settling")]
    lives: dict[int, list[float]] = defaultdict(list)
    for sample in record.memory:
        if not any(event.started <= sample.time <= event.ended for event in starting):
            lives[sample.pid].append(sample.resident_mb)
    longest = max(lives.values(), key=len)
    quarter = max(len(longest) // 4, 1)
    before, after = float(np.median(longest[quarter : 2 * quarter])), float(np.median(longest[-quarter:]))
    return {
        "seconds": len(longest),
        "second_quarter_mb": round(before, 1),
        "last_quarter_mb": round(after, 1),
        "largest_mb": round(max(longest), 1),
        "growth": round(after / before, 3),
    }
