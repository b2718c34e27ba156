"""What serving has to reach, as ratios of what was measured; absolute times depend on the machine."""

from collections.abc import Callable
from typing import Any, NamedTuple

from serving.benchmark.exports import DIM

Row = dict[str, Any]
LARGE, MIDDLE, SMALL = 1_000_000, 100_000, 10_000


class Target(NamedTuple):
    """A number and where it has to be; `compute` raises LookupError where the measurements for it are missing."""

    name: str
    limit: float
    at_least: bool
    compute: Callable[[dict[str, list[Row]]], float]


def target_rows(results: dict[str, list[Row]]) -> list[Row]:
    """A row for each target whose measurements are there.

    Args:
        results: `load`, `search` and `phases`, see docs/serving_benchmark.md.

    Returns:
        Rows of `target`, `limit`, `at_least`, `measured` and `met`.
    """
    rows = []
    for target in TARGETS:
        try:
            measured = target.compute(results)
        except LookupError:
            continue
        met = measured >= target.limit if target.at_least else measured <= target.limit
        rows.append(
            {
                "target": target.name,
                "limit": target.limit,
                "at_least": target.at_least,
                "measured": round(measured, 4),
                "met": met,
            }
        )
    return rows


def _pick(rows: list[Row], name: str, **wanted: Any) -> float:
    for row in rows:
        if wanted.items() <= row.items() and row[name] is not None:
            return row[name]
    raise LookupError(f"no row with {wanted}")


def _search(results: dict[str, list[Row]], index: str, batch: int, name: str = "p50_ms") -> float:
    return _pick(results["search"], name, catalogue=LARGE, index=index, batch=batch)


def _latency_ratio(results: dict[str, list[Row]]) -> float:
    def p50(catalogue: int) -> float:
        return _pick(
            results["load"],
            "p50_ms",
            catalogue=catalogue,
            index="ivf",
            num_steps=1,
            dim=DIM,
            concurrency=1,
            batching=True,
        )

    return p50(LARGE) / p50(SMALL)


def _call_ratio(results: dict[str, list[Row]]) -> float:
    row = results["phases"][0]
    return row["predict_ms"] / (row["echo_ms"] + row["graph_ms"])


def _throughput(results: dict[str, list[Row]]) -> float:
    wanted = {"catalogue": MIDDLE, "index": "ivf", "num_steps": 1, "dim": DIM}
    rows = [row for row in results["load"] if wanted.items() <= row.items() and not row["failures"]]
    if not rows:
        raise LookupError(f"no row with {wanted}")
    return max(row["qps"] for row in rows)


TARGETS = (
    Target(
        "exact / IVF search, 1 M items, batch 1",
        15.0,
        True,
        lambda results: _search(results, "exact", 1) / _search(results, "ivf", 1),
    ),
    Target("recall@50 of IVF, 1 M items", 0.98, True, lambda results: _search(results, "ivf", 1, "recall@50")),
    Target(
        "IVF / ScaNN search, 1 M items, batch 1",
        1.5,
        False,
        lambda results: _search(results, "ivf", 1) / _search(results, "scann", 1),
    ),
    Target(
        "IVF / ScaNN search, 1 M items, batch 32",
        3.0,
        False,
        lambda results: _search(results, "ivf", 32) / _search(results, "scann", 32),
    ),
    Target("Predict call / (gRPC echo + graph)", 1.5, False, _call_ratio),
    Target("latency at 1 M items / at 10 k, IVF", 2.0, False, _latency_ratio),
    Target("requests/s, 100 k items, IVF, client on the same machine", 500.0, True, _throughput),
)
