"""The URLs of TF Serving's REST API."""

import asyncio
import json
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import grpc
import tensorflow as tf
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2, model_pb2, predict_pb2
from tornado.web import Application, RequestHandler, stream_request_body

from serving.server.errors import aborting
from serving.server.manager import ModelManager
from serving.server.model_service import ModelService
from serving.server.observe import REST, FinishedCall, Observer
from serving.server.prediction_service import PredictionService
from serving.server.rest.http_call import CallAborted, HttpCall
from serving.server.rest.json_predict import (
    INSTANCES,
    InputInfos,
    parse_body,
    request_tensors,
    response_body,
    signature_name,
)
from serving.server.rest.json_tensors import JsonError
from serving.server.served_model import MAX_VERSION

MAX_BODY_BYTES = 64 * 1024 * 1024
TIMEOUT_SECONDS = 30.0
_MODEL = r"/v1/models/([^/:]+)(?:/versions/([0-9]{1,19})|/labels/([^/:]+))?"
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
    """What answers: the gRPC services, the versions they answer from, and the threads they run in.

    Attributes:
        observers: are told of every call of `PredictHandler`; they must not raise, nor take long.
        metrics: gives the page for Prometheus.
        metrics_path: where; None for nowhere.
    """

    manager: ModelManager
    predictions: PredictionService
    models: ModelService
    executor: Executor
    observers: Sequence[Observer] = ()
    metrics: Callable[[], bytes] | None = None
    metrics_path: str | None = None


def application(services: Services) -> Application:
    """The routes. Requests being answered are in the setting `running`, a set of handlers."""
    routes: list[Any] = [
        (_MODEL, StatusHandler),
        (_MODEL + "/metadata", MetadataHandler),
        (_MODEL + ":(classify|regress|predict)", PredictHandler),
        ("/v1/.*", JsonHandler),
    ]
    if services.metrics_path:
        routes.insert(0, (re.escape(services.metrics_path), MetricsHandler))
    return Application(
        routes,
        default_handler_class=NotFoundHandler,
        log_function=lambda handler: None,
        services=services,
        running=set(),
    )


@stream_request_body
class JsonHandler(RequestHandler):
    """Reads a body of limited size, answers JSON, and refuses what a subclass does not define."""

    def initialize(self) -> None:
        self._body = bytearray()
        self._call = HttpCall(self.request.headers, TIMEOUT_SECONDS)
        self._left = False
        self._code = grpc.StatusCode.OK
        self._services: Services = self.settings["services"]

    def prepare(self) -> None:
        self.settings["running"].add(self)

    def data_received(self, chunk: bytes) -> None:
        """Keeps the body up to one byte more than its limit; the rest is read, so that the client hears the refusal."""
        self._body += chunk[: MAX_BODY_BYTES + 1 - len(self._body)]

    def on_connection_close(self) -> None:
        self._left = True
        self._call.cancel()
        self.settings["running"].discard(self)
        super().on_connection_close()

    def on_finish(self) -> None:
        self.settings["running"].discard(self)

    def malformed(self, *_: str) -> None:
        self.refuse(grpc.StatusCode.INVALID_ARGUMENT, f"Malformed request: {self.request.method} {self.request.path}")

    get = post = put = patch = delete = head = options = malformed

    def refuse(self, code: grpc.StatusCode, message: str, http_status: int | None = None) -> None:
        """Ends the request with an error; the HTTP status is the code's own unless another is given."""
        self._code = code
        self.set_status(http_status or _HTTP_STATUS.get(code, 500))
        self.send(json.dumps({"error": message}))

    def send(self, body: str) -> None:
        """Ends the request with a JSON text."""
        self.set_header("Content-Type", "application/json")
        self.finish(body)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        self.refuse(grpc.StatusCode.INTERNAL, f"The request failed: {self._reason}", status_code)

    async def answer(self, work: Callable[[], str]) -> None:
        """Sends what the work returns, done in a thread of the services', or the reason why there is nothing."""
        running = asyncio.get_running_loop().run_in_executor(self._services.executor, work)
        try:
            self.send(await asyncio.wait_for(running, TIMEOUT_SECONDS))
        except CallAborted as error:
            self.refuse(error.code, str(error))
        except asyncio.TimeoutError:
            self._call.cancel()
            self.refuse(grpc.StatusCode.DEADLINE_EXCEEDED, f"The server did not answer within {TIMEOUT_SECONDS:g} s")


class NotFoundHandler(JsonHandler):
    def malformed(self, *_: str) -> None:
        self.refuse(grpc.StatusCode.NOT_FOUND, f"Not found: {self.request.path}. The API is under /v1/models/")

    get = post = put = patch = delete = head = options = malformed


class MetricsHandler(JsonHandler):
    """The page for Prometheus."""

    def get(self) -> None:  # type: ignore[override]
        assert self._services.metrics
        self.set_header("Content-Type", CONTENT_TYPE_PLAIN_0_0_4)
        self.finish(self._services.metrics())


class StatusHandler(JsonHandler):
    """`GET /v1/models/NAME[/versions/N|/labels/L]`"""

    async def get(self, name: str, version: str | None, label: str | None) -> None:  # type: ignore[override]
        await self.answer(lambda: self._status(name, version, label))

    def _status(self, name: str, version: str | None, label: str | None) -> str:
        request = get_model_status_pb2.GetModelStatusRequest(model_spec=_spec(name, version, label))
        return json.dumps(_fields(self._services.models.GetModelStatus(request, self._call)))


class MetadataHandler(JsonHandler):
    """`GET /v1/models/NAME[/versions/N|/labels/L]/metadata`"""

    async def get(self, name: str, version: str | None, label: str | None) -> None:  # type: ignore[override]
        await self.answer(lambda: self._metadata(name, version, label))

    def _metadata(self, name: str, version: str | None, label: str | None) -> str:
        field = "signature_def"
        request = get_model_metadata_pb2.GetModelMetadataRequest(
            model_spec=_spec(name, version, label), metadata_field=[field]
        )
        response = self._services.predictions.GetModelMetadata(request, self._call)
        signatures = get_model_metadata_pb2.SignatureDefMap()
        response.metadata[field].Unpack(signatures)
        document = {"model_spec": _fields(response.model_spec), "metadata": {field: _fields(signatures)}}
        return json.dumps(document)


class PredictHandler(JsonHandler):
    """`POST /v1/models/NAME[/versions/N|/labels/L]:predict`; `:classify` and `:regress` are not implemented."""

    def initialize(self) -> None:
        super().initialize()
        self._request: predict_pb2.PredictRequest | None = None
        self._response: predict_pb2.PredictResponse | None = None

    def on_finish(self) -> None:
        super().on_finish()
        name, _, _, verb = self.path_args
        call = FinishedCall(
            verb,
            REST,
            name,
            grpc.StatusCode.CANCELLED if self._left else self._code,
            self.request.request_time(),
            dict(self._call.invocation_metadata()),
            self._request,
            self._response,
        )
        for observer in self._services.observers:
            observer(call)

    async def post(self, name: str, version: str | None, label: str | None, verb: str) -> None:  # type: ignore[override]
        if len(self._body) > MAX_BODY_BYTES:
            message = f"The body is larger than {MAX_BODY_BYTES} bytes. Send fewer rows at once."
            self.refuse(grpc.StatusCode.RESOURCE_EXHAUSTED, message, 413)
        elif verb != "predict":
            message = f"{verb} is not offered: recommenders have no such signature. Use predict."
            self.refuse(grpc.StatusCode.UNIMPLEMENTED, message)
        else:
            await self.answer(lambda: self._predict(name, version, label))

    def _predict(self, name: str, version: str | None, label: str | None) -> str:
        with _invalid_json_aborting(self._call):
            document = parse_body(bytes(self._body))
            request = predict_pb2.PredictRequest(model_spec=_spec(name, version, label))
            request.model_spec.signature_name = signature_name(document)
            tensors = request_tensors(document, self._input_infos(request.model_spec))
        for alias, tensor in tensors.items():
            request.inputs[alias].CopyFrom(tensor)
        self._request = request
        self._response = response = self._services.predictions.Predict(request, self._call)
        with _invalid_json_aborting(self._call):
            return response_body(response.outputs, row_form=INSTANCES in document)

    def _input_infos(self, spec: model_pb2.ModelSpec) -> InputInfos:
        signature = spec.signature_name or tf.saved_model.DEFAULT_SERVING_SIGNATURE_DEF_KEY
        with aborting(self._call), self._services.manager.lease(spec) as lease:
            definition = lease.loaded.signature_defs.get(signature)
        if definition is None or not definition.method_name:
            raise JsonError(f'Serving signature name: "{signature}" not found in signature def')
        return definition.inputs


@contextmanager
def _invalid_json_aborting(call: HttpCall) -> Iterator[None]:
    try:
        yield
    except JsonError as error:
        call.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
    except RecursionError:
        call.abort(grpc.StatusCode.INVALID_ARGUMENT, "JSON Parse error: the lists are nested too deep")


def _spec(name: str, version: str | None, label: str | None) -> model_pb2.ModelSpec:
    spec = model_pb2.ModelSpec(name=name)
    if label is not None:
        spec.version_label = label
    elif version is not None:
        if int(version) > MAX_VERSION:
            raise CallAborted(grpc.StatusCode.INVALID_ARGUMENT, f"Failed to convert version: {version} to numeric.")
        spec.version.value = int(version)
    return spec


def _fields(message: Message) -> dict[str, Any]:
    # The type stubs are for a newer protobuf, which calls the first option otherwise.
    return MessageToDict(message, including_default_value_fields=True, preserving_proto_field_name=True)  # type: ignore[call-arg]
