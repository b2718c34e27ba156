"""What is true of a server now, for Prometheus."""

from collections.abc import Iterable

from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from serving.server.batching import Batcher
from serving.server.manager import ModelManager
from serving.server.overload import Gate


class ServerState(Collector):
    """What is true of one server now.

    Args:
        manager: knows the versions.
        gate: lets the requests pass.
        batcher: computes them together, if there is one.
    """

    def __init__(self, manager: ModelManager, gate: Gate, batcher: Batcher | None) -> None:
        self._manager = manager
        self._gate = gate
        self._batcher = batcher

    def collect(self) -> Iterable[Metric]:
        versions = Metric("dimerec_serving_model_version_state", "1 for the state each version is in.", "gauge")
        for name in self._manager.names():
            for number, status in self._manager.statuses(name).items():
                labels = {"model_name": name, "version": str(number), "state": status.state.value}
                versions.add_sample(versions.name, labels, 1)
        queue = Metric("dimerec_serving_queue_length", "Requests that wait for their turn.", "gauge")
        queue.add_sample(queue.name, {}, self._gate.waiting)
        yield from (versions, queue)
        if self._batcher is not None:
            rows = Metric("dimerec_serving_batching_queue_rows", "Rows that wait to be computed in a batch.", "gauge")
            rows.add_sample(rows.name, {}, self._batcher.queued_rows)
            yield rows
