"""Running servers for the tests, and how to ask and wait for them."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import grpc
from tensorflow_serving.apis import model_service_pb2_grpc, prediction_service_pb2_grpc

from serving.server.app import RunningServer, start_server
from serving.server.model_config import ModelSettings
from serving.server.monitoring import DEFAULT_PATH
from serving.server.options import ServerOptions
from serving.server.served_model import State
from tests.serving.toy import NAME, request

TIMEOUT = 20


@dataclass
class Stubs:
    """A running server with TF Serving's generated stubs on a channel to it."""

    server: RunningServer
    predictions: prediction_service_pb2_grpc.PredictionServiceStub
    models: model_service_pb2_grpc.ModelServiceStub
    base: Path | ModelSettings

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server.port}"

    @property
    def rest_address(self) -> str:
        assert self.server.rest
        return f"127.0.0.1:{self.server.rest.port}"

    def states(self) -> dict[int, State]:
        return {number: status.state for number, status in self.server.manager.statuses(NAME).items()}

    def users(self) -> int:
        """How many requests use the served versions now."""
        return sum(lease.users for lease in self.server.manager._models[NAME]._loaded.values())

    def answered_by(self, label: str = "") -> int:
        """The version that answers a request, by its own word and by its first score."""
        message = request([["a"]])
        if label:
            message.model_spec.version_label = label
        response = self.predictions.Predict(message, timeout=TIMEOUT)
        version = response.model_spec.version.value
        assert response.outputs["scores"].float_val[0] == version, "the answer is of another version than it says"
        return version


@contextmanager
def serving(base: Path | ModelSettings, options: ServerOptions | None = None) -> Iterator[Stubs]:
    """A server of one model; REST and metrics are always on."""
    options = replace(options or ServerOptions(), rest_address="127.0.0.1:0", metrics_path=DEFAULT_PATH)
    server = start_server({NAME: base}, "127.0.0.1:0", options)
    with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        yield Stubs(
            server,
            prediction_service_pb2_grpc.PredictionServiceStub(channel),
            model_service_pb2_grpc.ModelServiceStub(channel),
            base,
        )
    server.stop(grace_seconds=5)


def until(condition: Callable[[], bool]) -> None:
    """Waits for a condition; fails when it does not come true in time."""
    end = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < end, "the server did not get there in time"
        time.sleep(0.01)
