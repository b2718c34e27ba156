"""Metrics pages of both servers, and quantiles as Prometheus computes them."""

from collections.abc import Iterable
from math import inf, isnan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import Metric

from serving.rollout.errors import RolloutError
from serving.rollout.metrics import LATENCY, REQUESTS, MetricsWatch, quantile
from tests.serving.rollout.fake_server import NAME, Running, Traffic


def exported(kind: str, requests: int, failed: int) -> str:
    """A page by prometheus_client, whose counters end in `_total` unless the samples are named by hand."""
    registry = CollectorRegistry()
    latency = Histogram(LATENCY, "us", ["model_name"], buckets=[1000.0, inf], registry=registry)
    for _ in range(requests):
        latency.labels(NAME).observe(500.0)
    counts = {"OK": requests - failed, "INTERNAL": failed}
    if kind == "Counter":
        counter = Counter(REQUESTS, "n", ["model_name", "method", "status"], registry=registry)
        for status, count in counts.items():
            counter.labels(NAME, "Predict", status).inc(count)
        return generate_latest(registry).decode()

    class Collector:
        def collect(self) -> Iterable[Metric]:
            metric = Metric(REQUESTS, "n", kind)
            for status, count in counts.items():
                metric.add_sample(REQUESTS, {"model_name": NAME, "method": "Predict", "status": status}, count)
            yield metric

    registry.register(Collector())  # type: ignore[arg-type]
    return generate_latest(registry).decode()


@pytest.mark.parametrize("kind", ["Counter", "counter", "unknown"])
def test_pages_by_prometheus_client_are_understood(pair: list[Running], kind: str) -> None:
    server = pair[0]
    server.fake.metrics_page = exported(kind, 10, 0)
    watch = MetricsWatch([server.metrics_url], NAME)
    server.fake.metrics_page = exported(kind, 30, 3)
    health = watch.update()
    watch.close()
    assert (health.requests, health.errors, health.p99_ms) == (20, 3, pytest.approx(0.99))


def test_counters_of_a_restarted_server_begin_anew(pair: list[Running]) -> None:
    server = pair[0]
    watch = MetricsWatch([server.metrics_url], NAME)
    assert watch.update().requests == 105
    assert watch.update().requests == 210
    server.fake.restart()
    server.fake.traffic = Traffic({"OK": 7})
    assert watch.update().requests == 217
    watch.restart()
    assert watch.update().requests == 7
    watch.close()


def test_another_model_does_not_count(pair: list[Running]) -> None:
    watch = MetricsWatch([pair[0].metrics_url], "shop")
    health = watch.update()
    watch.close()
    assert (health.requests, health.error_rate) == (0, 0.0)
    assert isnan(health.p99_ms)


@pytest.mark.parametrize("page", ["", "# TYPE up gauge\nup 1\n", "<html>no metrics</html>"])
def test_another_page_is_refused(pair: list[Running], page: str) -> None:
    pair[0].fake.metrics_page = page
    with pytest.raises(RolloutError, match=r"shows no metrics of a model server|cannot be read"):
        MetricsWatch([pair[0].metrics_url], NAME)


def test_a_wrong_path_is_refused(pair: list[Running]) -> None:
    with pytest.raises(RolloutError, match="404"):
        MetricsWatch([pair[0].metrics_url + "x"], NAME)


def test_quantiles_are_interpolated_as_prometheus_documents() -> None:
    buckets = [(10.0, 0.0), (20.0, 60.0), (40.0, 100.0), (inf, 100.0)]
    assert quantile(0.3, buckets) == 15.0
    assert quantile(0.8, reversed(buckets)) == 30.0
    assert quantile(0.99, [(10.0, 5.0), (inf, 10.0)]) == inf
    assert isnan(quantile(0.5, []))
    assert isnan(quantile(0.5, [(10.0, 0.0), (inf, 0.0)]))
    assert isnan(quantile(0.5, [(10.0, 5.0)])), "a histogram ends with +Inf"


@given(st.lists(st.floats(0.0, 99.0), min_size=1), st.floats(0.01, 1.0))
def test_quantiles_lie_in_the_bucket_of_the_true_one(values: list[float], share: float) -> None:
    edges = [*np.arange(10.0, 101.0, 10.0), inf]
    found = quantile(share, [(float(edge), float(np.sum(np.array(values) <= edge))) for edge in edges])
    true = float(np.quantile(values, share, method="inverted_cdf"))
    assert found - 10 - 1e-9 <= true <= found + 10 + 1e-9
