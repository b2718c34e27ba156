"""Puts the services on a port."""

from functools import partial
from pathlib import Path

import grpc
from tensorflow_serving.apis import model_service_pb2_grpc, prediction_service_pb2_grpc

from serving.request_log.request_log import RequestLog
from serving.server.errors import ServerStartError
from serving.server.executor import CountingExecutor
from serving.server.manager import ModelManager
from serving.server.metrics import count_request, page
from serving.server.model_service import ModelService
from serving.server.observe import ObserveCalls, Observer
from serving.server.prediction_service import PredictionService
from serving.server.rest.json_handler import Services
from serving.server.rest.server import RestServer, listen
from serving.server.server_state import ServerState

WORKERS = 16
MAX_MESSAGE_BYTES = 64 * 1024 * 1024
GRACE_SECONDS = 10.0
_OPTIONS = [
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    # Without this a second server on the same port would start and take half of the calls.
    ("grpc.so_reuseport", 0),
]


class RunningServer:
    """A server that answers until it is stopped.

    Attributes:
        port: where it listens.
        manager: knows which versions are served.
        rest: the REST server beside gRPC, if there is one.
    """

    def __init__(
        self,
        server: grpc.Server,
        port: int,
        manager: ModelManager,
        rest: RestServer | None,
        request_log: RequestLog | None,
    ) -> None:
        self._server = server
        self._request_log = request_log
        self.port = port
        self.manager = manager
        self.rest = rest

    def stop(self, grace_seconds: float = GRACE_SECONDS) -> None:
        """Refuses new calls, lets those in flight end for at most `grace_seconds`, and frees the models."""
        stopped = self._server.stop(grace_seconds)
        if self.rest:
            self.rest.stop(grace_seconds)
        stopped.wait()
        self.manager.close()
        if self._request_log:
            self._request_log.close()


def start_server(
    models: dict[str, Path],
    address: str,
    rest_address: str | None = None,
    metrics_path: str | None = None,
    request_log: RequestLog | None = None,
) -> RunningServer:
    """Loads the newest version of each model, then opens the ports.

    A model without a version that loads is answered with NOT_FOUND until one appears.

    Args:
        models: base directory of each model, by name.
        address: `host:port`; port 0 takes a free one.
        rest_address: the same for REST, None for none.
        metrics_path: where REST answers Prometheus, None for nowhere.
        request_log: is told of every call, and closed with the server.

    Raises:
        ServerStartError: no model is given, a base directory does not exist, or an address cannot be used.
    """
    _check(models)
    sockets = listen(rest_address) if rest_address else []
    manager = ModelManager(models)
    executor = CountingExecutor(WORKERS, "serve")
    observers: list[Observer] = [lambda call: count_request(call, manager.names())]
    if request_log:
        observers.append(request_log.record)
    server = grpc.server(executor, options=_OPTIONS, interceptors=[ObserveCalls(observers)])
    state = ServerState(manager, lambda: executor.waiting)
    metrics = partial(page, state)
    services = Services(
        manager, PredictionService(manager), ModelService(manager), executor, observers, metrics, metrics_path
    )
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(services.predictions, server)
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(services.models, server)
    # The ports answer last: whoever is answered finds the models loaded.
    manager.start()
    try:
        port = server.add_insecure_port(address)
    except RuntimeError as error:
        manager.close()
        for opened in sockets:
            opened.close()
        raise ServerStartError(
            f"Cannot listen on {address}. If another server is using it, choose another port."
        ) from error
    server.start()
    return RunningServer(server, port, manager, RestServer(services, sockets) if sockets else None, request_log)


def _check(models: dict[str, Path]) -> None:
    if not models:
        raise ServerStartError("No model to serve was given: name at least one directory of versions.")
    for name, base in models.items():
        if not base.is_dir():
            raise ServerStartError(
                f"The base directory of model {name}, {base}, does not exist. It must hold a directory for each "
                "version, such as 1/ with a saved_model.pb."
            )
