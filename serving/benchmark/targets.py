"""What serving has to reach, as ratios of what was measured; absolute times depend on the machine."""

from dimerec_tf.measuring.alone import Rows
from dimerec_tf.measuring.targets import Target, only
from serving.benchmark.exports import DIM

LARGE, MIDDLE, SMALL = 1_000_000, 100_000, 10_000


def _search(results: Rows, index: str, batch: int, name: str = "p50_ms") -> float:
    return only(results["search"], name, catalogue=LARGE, index=index, batch=batch)


def _latency_ratio(results: Rows) -> float:
    def p50(catalogue: int) -> float:
        return only(
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


def _call_ratio(results: Rows) -> float:
    row = results["phases"][0]
    return row["predict_ms"] / (row["echo_ms"] + row["graph_ms"])


def _throughput(results: Rows) -> float:
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
