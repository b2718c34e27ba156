"""Puts the services on their ports."""

from collections.abc import Mapping
from concurrent.futures import Executor
from contextlib import ExitStack
from functools import partial
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
from serving.server.metrics import count_request, page
from serving.server.model_config import ModelSettings, check_name
from serving.server.model_service import ModelService
from serving.server.observe import ObserveCalls, Observer
from serving.server.options import ServerOptions
from serving.server.overload import Gate, TakeTurns
from serving.server.prediction import Predictor
from serving.server.prediction_service import PredictionService
from serving.server.receiving import PLACES, STREAMS, ReceiveMessages
from serving.server.reflection import add_reflection
from serving.server.rest.json_handler import Services
from serving.server.rest.server import RestServer, listen
from serving.server.server_state import ServerState
from serving.server.threads import StackOfThreads
from serving.server.tls import Tls
from serving.server.unreadable import ReadMessages

WORKERS = 16
BATCHING_WORKERS = 128  # a request that waits for its batch keeps its turn
HELD_MESSAGES = 4  # of the largest size, which all requests together may have
SPARE_THREADS = 64
MAX_STREAMS = 1024  # of one connection
MAX_METADATA_BYTES = 16 * 1024
GRACE_SECONDS = 10.0
KEEPALIVE_MS = 60_000  # a client that is silent for so long is asked whether it is still there
PING_TIMEOUT_MS = 20_000
HANDSHAKE_MS = 20_000


class RunningServer:
    """A server that answers until it is stopped.

    Attributes:
        port: where it listens for gRPC.
        manager: knows which versions are served.
        rest: the REST server beside gRPC, if there is one.
    """

    def __init__(
        self,
        server: grpc.Server,
        port: int,
        rest: RestServer | None,
        manager: ModelManager,
        health: Health,
        closing: ExitStack,
    ) -> None:
        self._server = server
        self._health = health
        self._closing = closing
        self.port = port
        self.rest = rest
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
        stopped = self._server.stop(grace_seconds)
        if self.rest is not None:
            self.rest.stop(grace_seconds)
        stopped.wait()
        self._closing.close()


def start_server(
    models: Mapping[str, Path | ModelSettings], address: str, options: ServerOptions | None = None
) -> RunningServer:
    """Loads the models, then opens the ports.

    A model without a version that loads is answered with NOT_FOUND until one appears.

    Args:
        models: settings of each model by name; a path stands for the newest version under it.
        address: `host:port` for gRPC; port 0 takes a free one.
        options: everything else; None for the defaults.

    Raises:
        ServerStartError: no model is given, a name or a base directory cannot be used, a label names a version that
            is not loaded, or an address cannot be used.
    """
    options = options or ServerOptions()
    with ExitStack() as opened:  # closes what was opened, last first, if a later step fails
        if options.request_log is not None:
            opened.callback(options.request_log.close)
        manager = ModelManager(_checked(models), options.labels_for_unavailable, options.load_retries)
        batcher = None if options.batching is None else Batcher(options.batching)
        if batcher is not None:
            opened.callback(batcher.close)
        opened.callback(manager.close)
        health = Health(manager)
        services = _services(manager, batcher, options)
        opened.callback(services.gate.close)
        opened.callback(partial(services.rest_threads.shutdown, wait=False))
        receive = ReceiveMessages()
        opened.callback(receive.close)
        threads = StackOfThreads(PLACES + STREAMS + services.gate.places + SPARE_THREADS, "grpc-requests")
        opened.callback(partial(threads.shutdown, wait=False))
        server = _grpc_server(services, receive, health, options, threads)
        # The ports open last: whoever finds one open finds the models loaded.
        manager.start()
        sockets = [] if options.rest_address is None else listen(options.rest_address)
        for taken in sockets:
            opened.callback(taken.close)
        port = _open_port(server, address, options.tls)
        if options.socket_path is not None:
            _open_port(server, f"unix:{options.socket_path}", None)
        server.start()
        rest = RestServer(services, sockets, options.tls.rest if options.tls else None) if sockets else None
        return RunningServer(server, port, rest, manager, health, opened.pop_all())


def _services(manager: ModelManager, batcher: Batcher | None, options: ServerOptions) -> Services:
    workers = WORKERS if batcher is None else BATCHING_WORKERS
    gate = Gate(workers, options.max_waiting_requests, HELD_MESSAGES * options.max_message_bytes)
    threads = workers + options.max_waiting_requests
    state = ServerState(manager, gate, batcher)
    observers: list[Observer] = [lambda call: count_request(call, manager.names())]
    if options.request_log is not None:
        observers.append(options.request_log.record)
    return Services(
        manager,
        PredictionService(manager, Predictor(manager, options.limits, batcher)),
        ModelService(manager),
        gate,
        StackOfThreads(threads, "rest-requests"),
        observers,
        partial(page, state),
        options.metrics_path,
        options.token,
        min(options.max_rest_body_bytes, options.max_message_bytes),
        options.rest_timeout_seconds,
        options.rest_cors,
    )


def _grpc_server(
    services: Services, receive: ReceiveMessages, health: Health, options: ServerOptions, threads: Executor
) -> grpc.Server:
    # Each hands on what the next ones answer; so the observers hear of refusals, too.
    interceptors: list[grpc.ServerInterceptor] = [receive, ObserveCalls(services.observers)]
    if options.token is not None:
        interceptors.append(RequireToken(options.token))
    interceptors += [TakeTurns(services.gate), ReadMessages()]
    server = grpc.server(
        threads,
        interceptors=interceptors,
        options=[
            ("grpc.max_receive_message_length", options.max_message_bytes),
            ("grpc.max_send_message_length", options.max_message_bytes),
            # Without this a second server on the same port would start and take half of the calls.
            ("grpc.so_reuseport", 0),
            # Connections whose clients vanished, or never spoke, are given up.
            ("grpc.keepalive_time_ms", KEEPALIVE_MS),
            ("grpc.http2.ping_timeout_ms", PING_TIMEOUT_MS),
            ("grpc.keepalive_permit_without_calls", 1),
            ("grpc.server_handshake_timeout_ms", HANDSHAKE_MS),
            ("grpc.max_concurrent_streams", MAX_STREAMS),
            ("grpc.max_metadata_size", MAX_METADATA_BYTES),
            ("grpc.absolute_max_metadata_size", 2 * MAX_METADATA_BYTES),
        ],
    )
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(services.predictions, server)
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(services.models, server)
    health_pb2_grpc.add_HealthServicer_to_server(health.servicer, server)
    add_reflection(server)
    return server


def _open_port(server: grpc.Server, address: str, tls: Tls | None) -> int:
    try:
        if tls is None:
            return server.add_insecure_port(address)
        return server.add_secure_port(address, tls.grpc)
    except RuntimeError as error:
        raise ServerStartError(
            f"Cannot listen on {address}. If another server is using it, choose another port."
        ) from error


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
