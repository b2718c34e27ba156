"""grpc.health.v1: whether the models can be asked."""

import threading
from collections.abc import Iterator, Mapping

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from serving.server.manager import ModelManager

_Status = health_pb2.HealthCheckResponse


class _Servicer(health_pb2_grpc.HealthServicer):
    """Answers from what it was told last. A watcher who does not listen keeps nobody else waiting."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._statuses: dict[str, int] = {}
        self._stopped = False

    def set(self, statuses: Mapping[str, int]) -> None:
        """Replaces what is said, unless it has been NOT_SERVING for good."""
        with self._changed:
            if not self._stopped:
                self._statuses = dict(statuses)
                self._changed.notify_all()

    def stop(self) -> None:
        """Says NOT_SERVING of everything from now on."""
        with self._changed:
            self._stopped = True
            self._statuses = dict.fromkeys(self._statuses, _Status.NOT_SERVING)
            self._changed.notify_all()

    def Check(
        self, request: health_pb2.HealthCheckRequest, context: grpc.ServicerContext
    ) -> health_pb2.HealthCheckResponse:
        status = self._statuses.get(request.service)
        if status is None:
            context.abort(grpc.StatusCode.NOT_FOUND, "The health of no such service is known.")
        return health_pb2.HealthCheckResponse(status=status)

    def Watch(
        self, request: health_pb2.HealthCheckRequest, context: grpc.ServicerContext
    ) -> Iterator[health_pb2.HealthCheckResponse]:
        said = None
        context.add_callback(self._wake)
        while (status := self._next(request.service, said, context)) is not None:
            yield health_pb2.HealthCheckResponse(status=status)
            said = status

    def _next(self, service: str, said: int | None, context: grpc.ServicerContext) -> int | None:
        """Waits for a status that has not been said, None once nobody listens."""
        with self._changed:
            while context.is_active():
                status = self._statuses.get(service, _Status.SERVICE_UNKNOWN)
                if status != said:
                    return status
                self._changed.wait()
        return None

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()


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
        self.servicer.stop()

    def _refresh(self) -> None:
        with self._lock:
            loaded = {name: self._manager.served_version(name) is not None for name in self._manager.names()}
            now = dict.fromkeys(self._known, _Status.SERVICE_UNKNOWN)
            now |= {name: _status(serves) for name, serves in loaded.items()}
            now[health.OVERALL_HEALTH] = _status(bool(loaded) and all(loaded.values()))
            self._known = now
            self.servicer.set(now)


def _status(serves: bool) -> int:
    return _Status.SERVING if serves else _Status.NOT_SERVING
