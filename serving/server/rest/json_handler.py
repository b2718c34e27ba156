"""What every URL has in common: a body of limited size, JSON answers, errors with TF Serving's statuses."""

import asyncio
import json
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

import grpc
from tensorflow_serving.apis import model_pb2
from tornado.web import RequestHandler, stream_request_body

from dimerec_tf.export.versions import MAX_NUMBER
from serving.server.bearer_token import HEADER, TOKEN_ASKED, BearerToken
from serving.server.errors import shortened
from serving.server.manager import ModelManager
from serving.server.model_service import ModelService
from serving.server.observe import Observer
from serving.server.overload import SMALL_BYTES, Gate
from serving.server.prediction_service import PredictionService
from serving.server.rest.http_call import CallAborted, HttpCall

HELD_BODIES = 16  # of the largest size, which all connections together may have
_HTTP_STATUS = {
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.FAILED_PRECONDITION: 400,
    grpc.StatusCode.OUT_OF_RANGE: 400,
    grpc.StatusCode.UNAUTHENTICATED: 401,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.ALREADY_EXISTS: 409,
    grpc.StatusCode.ABORTED: 409,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
    grpc.StatusCode.CANCELLED: 499,
    grpc.StatusCode.UNIMPLEMENTED: 501,
    grpc.StatusCode.UNAVAILABLE: 503,
    grpc.StatusCode.DEADLINE_EXCEEDED: 504,
}


@dataclass(frozen=True)
class Services:
    """What answers: the gRPC services, the versions they answer from, and what lets requests in.

    Attributes:
        gate: lets the requests pass, those of gRPC, too.
        rest_threads: for those of REST, as many as may be at the gate.
        observers: are told of every call of `PredictHandler`; they must not raise, nor take long.
        metrics: gives the page for Prometheus.
        metrics_path: where; None for nowhere.
        token: what callers must show; None for no such check.
        max_body_bytes: of a request.
        timeout_seconds: for an answer.
        cors: whether pages of other sites may ask, see `--rest-api-enable-cors-support`.
    """

    manager: ModelManager
    predictions: PredictionService
    models: ModelService
    gate: Gate
    rest_threads: Executor
    observers: Sequence[Observer]
    metrics: Callable[[], bytes]
    metrics_path: str | None
    token: BearerToken | None
    max_body_bytes: int
    timeout_seconds: float
    cors: bool


@stream_request_body
class JsonHandler(RequestHandler):
    """Reads a body of limited size, answers JSON, refuses strangers, and what a subclass does not define."""

    def initialize(self) -> None:
        self._body = bytearray()
        self._services: Services = self.settings["services"]
        self._call = HttpCall(self.request.headers, self._services.timeout_seconds)
        self._left = False
        self._is_refused = False
        self._code = grpc.StatusCode.OK
        self._kept_bytes = self._services.max_body_bytes + 1

    def prepare(self) -> None:
        self.settings["running"].add(self)
        if self._services.cors:
            self.set_header("Access-Control-Allow-Origin", "*")
            self.set_header("Access-Control-Allow-Methods", "GET, POST, OPTIONS")
            self.set_header("Access-Control-Allow-Headers", "Content-Type, Content-Encoding, Authorization")
        token = self._services.token
        if token is not None and not token.accepts(self.request.headers.get(HEADER)):
            self._kept_bytes = 0
            # In the place of the method, which answers after the body was read: before, the client might not listen.
            setattr(self, str(self.request.method).lower(), self.refuse_stranger)

    def data_received(self, chunk: bytes) -> None:
        """Keeps the body up to one byte more than its limit; the rest is read, so that the client hears the refusal."""
        self._body += chunk[: self._kept_bytes - len(self._body)]
        if len(self._body) > SMALL_BYTES and self._held_bytes() > HELD_BODIES * self._services.max_body_bytes:
            self.keep_nothing()

    def keep_nothing(self) -> None:
        """Reads on without keeping the body, to be refused for want of room."""
        self._is_refused, self._kept_bytes, self._body = True, 0, bytearray()

    def _held_bytes(self) -> int:
        return sum(len(handler._body) for handler in self.settings["running"])

    def on_connection_close(self) -> None:
        self._left = True
        self._call.cancel()
        self.settings["running"].discard(self)
        super().on_connection_close()

    def on_finish(self) -> None:
        self.settings["running"].discard(self)

    def malformed(self, *_: str) -> None:
        self.refuse(grpc.StatusCode.INVALID_ARGUMENT, f"Malformed request: {self.request.method} {self.request.path}")

    get = post = put = patch = delete = head = malformed

    def options(self, *_: str) -> None:
        """What a browser asks before it sends a page's request."""
        if self._services.cors and self.request.headers.get("Origin", "").startswith(("http://", "https://")):
            self.set_status(204)
            self.finish()
        else:
            self.malformed()

    def refuse(self, code: grpc.StatusCode, message: str, http_status: int | None = None) -> None:
        """Ends the request with an error; the HTTP status is the code's own unless another is given."""
        self._code = code
        self.set_status(http_status or _HTTP_STATUS.get(code, 500))
        self.send(json.dumps({"error": shortened(message)}))

    @property
    def is_too_large(self) -> bool:
        """Whether the body was cut off at the limit."""
        return len(self._body) > self._services.max_body_bytes

    def refuse_stranger(self, *_: str) -> None:
        """Ends a request that came without the token."""
        self.set_header("WWW-Authenticate", "Bearer")
        self.refuse(grpc.StatusCode.UNAUTHENTICATED, TOKEN_ASKED)

    def refuse_too_large(self) -> None:
        """Ends the request with what the limit is."""
        message = f"The body is larger than {self._services.max_body_bytes} bytes. Send fewer rows at once."
        self.refuse(grpc.StatusCode.RESOURCE_EXHAUSTED, message, 413)

    def send(self, body: str) -> None:
        """Ends the request with a JSON text."""
        self.set_header("Content-Type", "application/json")
        self.finish(body)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        self.refuse(grpc.StatusCode.INTERNAL, f"The request failed: {self._reason}", status_code)

    async def answer(self, work: Callable[[], str], executor: Executor | None = None) -> None:
        """Sends what the work returns, or the reason why there is nothing.

        Args:
            work: to do in another thread.
            executor: whose; None for the event loop's own, where a probe does not wait behind requests.
        """
        running = asyncio.get_running_loop().run_in_executor(executor, work)
        try:
            self.send(await asyncio.wait_for(running, self._services.timeout_seconds))
        except asyncio.TimeoutError:
            self._call.cancel()
            self._refuse_late()
        except CallAborted as error:
            if error.code is grpc.StatusCode.DEADLINE_EXCEEDED:
                self._refuse_late()
            else:
                self.refuse(error.code, str(error), error.http_status)

    def _refuse_late(self) -> None:
        seconds = self._services.timeout_seconds
        self.refuse(grpc.StatusCode.DEADLINE_EXCEEDED, f"The server did not answer within {seconds:g} s")


class NotFoundHandler(JsonHandler):
    def malformed(self, *_: str) -> None:
        self.refuse(grpc.StatusCode.NOT_FOUND, f"Not found: {self.request.path}. The API is under /v1/models/")

    get = post = put = patch = delete = head = options = malformed


def model_spec(name: str, version: str | None, label: str | None) -> model_pb2.ModelSpec:
    """The model that a URL names.

    Raises:
        CallAborted: its version is larger than any.
    """
    spec = model_pb2.ModelSpec(name=name)
    if label is not None:
        spec.version_label = label
    elif version is not None:
        if int(version) > MAX_NUMBER:
            raise CallAborted(grpc.StatusCode.INVALID_ARGUMENT, f"Failed to convert version: {version} to numeric.")
        spec.version.value = int(version)
    return spec
