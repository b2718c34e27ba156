"""Puts the services on a port."""

from collections.abc import Mapping
from pathlib import Path
from time import sleep

import grpc
from grpc_health.v1 import health_pb2_grpc
from tensorflow_serving.apis import model_service_pb2_grpc, prediction_service_pb2_grpc

from serving.server.batching import Batcher
from serving.server.bearer_token import RequireToken
from serving.server.errors import ServerStartError
from serving.server.health import Health
from serving.server.manager import ModelManager
from serving.server.model_config import ModelSettings, check_name
from serving.server.model_service import ModelService
from serving.server.options import ServerOptions
from serving.server.overload import CountingExecutor, RefuseOverload
from serving.server.prediction import Predictor
from serving.server.prediction_service import PredictionService
from serving.server.reflection import add_reflection

WORKERS = 16
BATCHING_WORKERS = 128  # a request that waits for its batch keeps its thread
GRACE_SECONDS = 10.0


class RunningServer:
    """A server that answers until it is stopped.

    Attributes:
        port: where it listens.
        manager: knows which versions are served.
    """

    def __init__(
        self, server: grpc.Server, port: int, manager: ModelManager, health: Health, batcher: Batcher | None
    ) -> None:
        self._server = server
        self._health = health
        self._batcher = batcher
        self.port = port
        self.manager = manager

    def stop(self, grace_seconds: float = GRACE_SECONDS, drain_seconds: float = 0.0) -> None:
        """Drains the server and frees the models.

        Args:
            grace_seconds: how long the requests in flight may take to end, once no new one is taken.
            drain_seconds: how long, before that, everything is still answered while the health service says
                NOT_SERVING, so that a load balancer can turn away first.
        """
        self._health.stop_serving()
        sleep(drain_seconds)
        self._server.stop(grace_seconds).wait()
        _close(self.manager, self._batcher)


def start_server(
    models: Mapping[str, Path | ModelSettings], address: str, options: ServerOptions | None = None
) -> RunningServer:
    """Loads the models, then opens the port.

    A model without a version that loads is answered with NOT_FOUND until one appears.

    Args:
        models: settings of each model by name; a path stands for the newest version under it.
        address: `host:port`; port 0 takes a free one.
        options: everything else; None for the defaults.

    Raises:
        ServerStartError: no model is given, a name or a base directory cannot be used, a label names a version that
            is not loaded, or the address cannot be used.
    """
    options = options or ServerOptions()
    manager = ModelManager(_checked(models), options.labels_for_unavailable)
    batcher = None if options.batching is None else Batcher(options.batching)
    health = Health(manager)
    server = _grpc_server(options)
    _add_services(server, manager, Predictor(manager, options.limits, batcher), health)
    try:
        # The port opens last: whoever finds it open finds the models loaded.
        manager.start()
        port = _open_port(server, address, options.credentials)
    except ServerStartError:
        _close(manager, batcher)
        raise
    server.start()
    return RunningServer(server, port, manager, health, batcher)


def _grpc_server(options: ServerOptions) -> grpc.Server:
    executor = CountingExecutor(WORKERS if options.batching is None else BATCHING_WORKERS, "grpc")
    interceptors: list[grpc.ServerInterceptor] = [RefuseOverload(executor, options.max_waiting_requests)]
    if options.token is not None:
        interceptors.insert(0, RequireToken(options.token))
    return grpc.server(
        executor,
        interceptors=interceptors,
        options=[
            ("grpc.max_receive_message_length", options.max_message_bytes),
            ("grpc.max_send_message_length", options.max_message_bytes),
            # Without this a second server on the same port would start and take half of the calls.
            ("grpc.so_reuseport", 0),
        ],
    )


def _add_services(server: grpc.Server, manager: ModelManager, predictor: Predictor, health: Health) -> None:
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(PredictionService(manager, predictor), server)
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(ModelService(manager), server)
    health_pb2_grpc.add_HealthServicer_to_server(health.servicer, server)
    add_reflection(server)


def _open_port(server: grpc.Server, address: str, credentials: grpc.ServerCredentials | None) -> int:
    try:
        if credentials is None:
            return server.add_insecure_port(address)
        return server.add_secure_port(address, credentials)
    except RuntimeError as error:
        raise ServerStartError(
            f"Cannot listen on {address}. If another server is using it, choose another port."
        ) from error


def _close(manager: ModelManager, batcher: Batcher | None) -> None:
    manager.close()
    if batcher is not None:
        batcher.close()


def _checked(models: Mapping[str, Path | ModelSettings]) -> dict[str, ModelSettings]:
    if not models:
        raise ServerStartError("No model to serve was given: name at least one directory of versions.")
    checked = {
        name: settings if isinstance(settings, ModelSettings) else ModelSettings(settings)
        for name, settings in models.items()
    }
    for name, settings in checked.items():
        check_name(name)
        if not settings.base.is_dir():
            raise ServerStartError(
                f"The base directory of model {name}, {settings.base}, does not exist. It must hold a directory for "
                "each version, such as 1/ with a saved_model.pb."
            )
    return checked
