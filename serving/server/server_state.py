"""What is true of a server now, for Prometheus."""

from collections.abc import Callable, Iterable

from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from serving.server.manager import ModelManager


class ServerState(Collector):
    """What is true of one server now.

    Args:
        manager: knows the versions.
        waiting: how many requests wait for a thread.
    """

    def __init__(self, manager: ModelManager, waiting: Callable[[], int]) -> None:
        self._manager = manager
        self._waiting = waiting

    def collect(self) -> Iterable[Metric]:
        versions = Metric("dimerec_serving_model_version_state", "1 for the state each version is in.", "gauge")
        for name in self._manager.names():
            for number, status in self._manager.statuses(name).items():
                labels = {"model_name": name, "version": str(number), "state": status.state.value}
                versions.add_sample(versions.name, labels, 1)
        queue = Metric("dimerec_serving_queue_length", "Requests that wait for a thread.", "gauge")
        queue.add_sample(queue.name, {}, self._waiting())
        yield from (versions, queue)
