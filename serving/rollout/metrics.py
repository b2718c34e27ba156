"""Error rate and latency since a rollout began, from the servers' Prometheus pages."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import inf, isinf, nan

import requests
from prometheus_client.parser import text_string_to_metric_families
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from serving.client.access import OPEN, Access
from serving.rollout.errors import RolloutError

REQUESTS = ":tensorflow:serving:request_count"
LATENCY = ":tensorflow:serving:request_latency"
# What the server answers for; the other statuses are about the request.
SERVER_FAULTS = frozenset(
    {
        "UNKNOWN",
        "DEADLINE_EXCEEDED",
        "RESOURCE_EXHAUSTED",
        "ABORTED",
        "UNIMPLEMENTED",
        "INTERNAL",
        "UNAVAILABLE",
        "DATA_LOSS",
    }
)
# Which label of a metric is counted by: statuses, and the upper edges of the latency's buckets in microseconds.
_LABELS = {REQUESTS: "status", LATENCY: "le"}
Counts = dict[tuple[str, str], float]
_RETRY = Retry(total=3, backoff_factor=0.3, status_forcelist=(500, 502, 503, 504))


@dataclass(frozen=True)
class Health:
    """What the servers did in a stretch of time.

    Attributes:
        requests: answered, whatever the status.
        errors: those that failed by the server's fault.
        p99_ms: 99th percentile of the latency, interpolated within its bucket; NaN without requests, infinite in the
            last bucket.
    """

    requests: int
    errors: int
    p99_ms: float

    @property
    def error_rate(self) -> float:
        return self.errors / self.requests if self.requests else 0.0


class MetricsWatch:
    """Adds up what the counters of several servers grew by since the watch began.

    Args:
        urls: of the metrics pages, such as `http://host:8501/monitoring/prometheus/metrics`.
        model_name: whose requests count.
        timeout_seconds: of every attempt to read a page; a page that fails is tried again.
        access: TLS and token of the pages.
    """

    def __init__(
        self, urls: Sequence[str], model_name: str, timeout_seconds: float = 5.0, access: Access = OPEN
    ) -> None:
        self._model_name = model_name
        self._timeout_seconds = timeout_seconds
        self._session = access.session()
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(max_retries=_RETRY))
        self._grown: Counts = defaultdict(float)
        self._last = {url: self._read(url) for url in urls}

    def close(self) -> None:
        """Closes the connections."""
        self._session.close()

    def restart(self) -> None:
        """Begins the watch anew.

        Raises:
            RolloutError: a page cannot be read.
        """
        self.update()
        self._grown.clear()

    def update(self) -> Health:
        """Reads every page and returns what happened since the watch began.

        Raises:
            RolloutError: a page cannot be read.
        """
        for url, last in self._last.items():
            now = self._read(url)
            for key, value in now.items():
                # A counter that shrank began anew with its server.
                before = last.get(key, 0.0)
                self._grown[key] += value - before if value >= before else value
            self._last[url] = now
        counts = {status: value for (label, status), value in self._grown.items() if label == "status"}
        buckets = {float(edge): value for (label, edge), value in self._grown.items() if label == "le"}
        errors = sum(value for status, value in counts.items() if status in SERVER_FAULTS)
        return Health(round(sum(counts.values())), round(errors), quantile(0.99, buckets.items()) / 1000)

    def _read(self, url: str) -> Counts:
        try:
            response = self._session.get(url, timeout=self._timeout_seconds)
            response.raise_for_status()
            families = list(text_string_to_metric_families(response.text))
        except (requests.RequestException, ValueError) as error:
            raise RolloutError(f"The metrics at {url} cannot be read: {error}") from error
        # Request metrics appear with the first request, but a page without any of TF Serving's names is another page.
        if not any(family.name.startswith(":tensorflow:") for family in families):
            raise RolloutError(f"{url} shows no metrics of a model server. Give its /monitoring/prometheus/metrics.")
        found: Counts = defaultdict(float)
        for family in families:
            label = _LABELS.get(family.name)
            for sample in family.samples:
                if label in sample.labels and sample.labels.get("model_name") == self._model_name:
                    found[label, sample.labels[label]] += sample.value
        return found


def quantile(share: float, buckets: Iterable[tuple[float, float]]) -> float:
    """A quantile from cumulative counts by upper edge, as Prometheus' `histogram_quantile` interpolates it."""
    ordered = sorted(buckets)
    if not ordered or not isinf(ordered[-1][0]) or ordered[-1][1] <= 0:
        return nan
    wanted = share * ordered[-1][1]
    lower, below = 0.0, 0.0
    for edge, count in ordered:
        if count >= wanted:
            return inf if isinf(edge) else lower + (edge - lower) * (wanted - below) / (count - below)
        lower, below = edge, count
    return nan
