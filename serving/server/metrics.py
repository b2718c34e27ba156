"""What the server counts and times, under TF Serving's names where it has one, in Prometheus' text form."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

import numpy as np
from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from serving.server.observe import FinishedCall

disable_created_metrics()  # TF Serving has no such series
_REGISTRY = CollectorRegistry()
_MICROSECONDS = 1e6


class _Counter(Counter):
    """A counter without the suffix `_total`, which TF Serving's names do not have; so its type is left open."""

    def collect(self) -> Iterable[Metric]:
        for metric in super().collect():
            plain = Metric(metric.name, metric.documentation, "unknown")
            for sample in metric.samples:
                plain.add_sample(metric.name, sample.labels, sample.value)
            yield plain


_REQUEST_COUNT = _Counter(
    ":tensorflow:serving:request_count",
    "Requests that ended, by model, method, entry point and gRPC status.",
    ["model_name", "API", "entrypoint", "status"],
    registry=_REGISTRY,
)
_REQUEST_LATENCY = Histogram(
    ":tensorflow:serving:request_latency",
    "Microseconds from a request's arrival in a thread to its answer.",
    ["model_name", "API", "entrypoint"],
    buckets=[10 * 1.8**power for power in range(33)],
    registry=_REGISTRY,
)
_BATCH_SIZE = Histogram(
    ":tensorflow:serving:batching_session:processed_batch_size",
    "Rows that one run of a graph computed.",
    buckets=[2**power for power in range(13)],
    registry=_REGISTRY,
)
_GRAPH_RUNS = _Counter(":tensorflow:core:graph_runs", "Runs of a graph.", registry=_REGISTRY)
_GRAPH_TIME = _Counter(
    ":tensorflow:core:graph_run_time_usecs", "Microseconds spent in runs of a graph.", registry=_REGISTRY
)
_GRAPH_TIMES = Histogram(
    ":tensorflow:core:graph_run_time_usecs_histogram",
    "Microseconds of each run of a graph.",
    buckets=[1000 * 2**power for power in range(20)],
    registry=_REGISTRY,
)
_LOAD_ATTEMPTS = _Counter(
    ":tensorflow:cc:saved_model:load_attempt_count",
    "Versions that were loaded (success) or could not be (fail).",
    ["model_path", "status"],
    registry=_REGISTRY,
)
_LOAD_LATENCY = _Counter(
    ":tensorflow:cc:saved_model:load_latency",
    "Microseconds spent in loading.",
    ["model_path"],
    registry=_REGISTRY,
)
_LOGGED = _Counter(
    "dimerec_serving_request_log_records",
    "Rows of the request log that were written, or dropped: the queue was full, the disk failed.",
    ["result"],
    registry=_REGISTRY,
)


def count_request(call: FinishedCall, known_models: Sequence[str]) -> None:
    """Counts and times a call; the names of unknown models are left out, so that callers cannot invent series."""
    name = call.model_name if call.model_name in known_models else ""
    _REQUEST_COUNT.labels(name, call.api, call.entrypoint, call.code.name).inc()
    _REQUEST_LATENCY.labels(name, call.api, call.entrypoint).observe(call.seconds * _MICROSECONDS)


@contextmanager
def measured_run(inputs: Collection[np.ndarray]) -> Iterator[None]:
    """Counts and times the run of a graph in the block; the batch size is the most rows of an input."""
    started = perf_counter()
    try:
        yield
    finally:
        microseconds = (perf_counter() - started) * _MICROSECONDS
        _GRAPH_RUNS.inc()
        _GRAPH_TIME.inc(microseconds)
        _GRAPH_TIMES.observe(microseconds)
        _BATCH_SIZE.observe(max((len(array) for array in inputs if array.ndim), default=1))


@contextmanager
def counting_load(path: Path) -> Iterator[None]:
    """Counts and times the loading of a version in the block."""
    started, status = perf_counter(), "fail"
    try:
        yield
        status = "success"
    finally:
        _LOAD_ATTEMPTS.labels(str(path), status).inc()
        _LOAD_LATENCY.labels(str(path)).inc((perf_counter() - started) * _MICROSECONDS)


def count_logged(result: str, rows: int) -> None:
    """Counts rows of the request log, `written` or `dropped`."""
    _LOGGED.labels(result).inc(rows)


def page(state: Collector) -> bytes:
    """All metrics in Prometheus' text form: those of the process, whatever servers it holds, and `state`."""
    own = CollectorRegistry()
    own.register(state)
    return generate_latest(_REGISTRY) + generate_latest(own)
