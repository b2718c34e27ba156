"""grpc.health.v1: whether the models can be asked."""

import threading
from concurrent import futures

import grpc
from grpc_health.v1 import health, health_pb2

from serving.server.manager import ModelManager

_Status = health_pb2.HealthCheckResponse


class _Servicer(health.HealthServicer):
    """Answers from threads of its own: a probe must not wait behind the requests of a busy server."""

    _threads = futures.ThreadPoolExecutor(2, thread_name_prefix="health")

    def __init__(self) -> None:
        super().__init__(experimental_thread_pool=self._threads)

    def Check(
        self, request: health_pb2.HealthCheckRequest, context: grpc.ServicerContext
    ) -> health_pb2.HealthCheckResponse:
        return super().Check(request, context)

    Check.experimental_thread_pool = _threads  # type: ignore[attr-defined]  # where grpc looks for it


class Health:
    """Keeps the health service in step with a manager.

    A model is SERVING while a version of it is loaded. The server as a whole, service '', is SERVING while every model
    is. A model that was removed is SERVICE_UNKNOWN; asking for a name that never was one is NOT_FOUND.

    Attributes:
        servicer: to be registered with a gRPC server.
    """

    def __init__(self, manager: ModelManager) -> None:
        self.servicer = _Servicer()
        self._manager = manager
        self._lock = threading.Lock()
        self._known: dict[str, int] = {}
        manager.subscribe(self._refresh)
        self._refresh()

    def stop_serving(self) -> None:
        """Says NOT_SERVING from now on, whatever the models do."""
        self.servicer.enter_graceful_shutdown()

    def _refresh(self) -> None:
        with self._lock:
            loaded = {name: self._manager.served_version(name) is not None for name in self._manager.names()}
            now = dict.fromkeys(self._known, _Status.SERVICE_UNKNOWN)
            now |= {name: _status(serves) for name, serves in loaded.items()}
            now[health.OVERALL_HEALTH] = _status(bool(loaded) and all(loaded.values()))
            for name, status in now.items():
                if self._known.get(name) != status:
                    self.servicer.set(name, status)
            self._known = now


def _status(serves: bool) -> int:
    return _Status.SERVING if serves else _Status.NOT_SERVING
