"""The URLs of TF Serving's REST API."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import grpc
import tensorflow as tf
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2, model_pb2, predict_pb2
from tornado.web import Application

from serving.server.call import Call
from serving.server.errors import aborting
from serving.server.observe import REST, FinishedCall
from serving.server.rest.content_encoding import decoded
from serving.server.rest.http_call import HttpCall
from serving.server.rest.json_handler import JsonHandler, NotFoundHandler, Services, model_spec
from serving.server.rest.json_predict import (
    INSTANCES,
    InputInfos,
    max_values,
    parse_body,
    request_tensors,
    response_body,
    signature_name,
)
from serving.server.rest.json_tensors import JsonError

_MODEL = r"/v1/models/([^/:]+)(?:/versions/([0-9]{1,19})|/labels/([^/:]+))?"


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


class MetricsHandler(JsonHandler):
    """The page for Prometheus."""

    def get(self) -> None:  # type: ignore[override]
        self.set_header("Content-Type", CONTENT_TYPE_PLAIN_0_0_4)
        self.finish(self._services.metrics())


class StatusHandler(JsonHandler):
    """`GET /v1/models/NAME[/versions/N|/labels/L]`"""

    async def get(self, name: str, version: str | None, label: str | None) -> None:  # type: ignore[override]
        await self.answer(lambda: self._status(name, version, label))

    def _status(self, name: str, version: str | None, label: str | None) -> str:
        request = get_model_status_pb2.GetModelStatusRequest(model_spec=model_spec(name, version, label))
        return json.dumps(_fields(self._services.models.GetModelStatus(request, self._call)))


class MetadataHandler(JsonHandler):
    """`GET /v1/models/NAME[/versions/N|/labels/L]/metadata`"""

    async def get(self, name: str, version: str | None, label: str | None) -> None:  # type: ignore[override]
        await self.answer(lambda: self._metadata(name, version, label))

    def _metadata(self, name: str, version: str | None, label: str | None) -> str:
        field = "signature_def"
        request = get_model_metadata_pb2.GetModelMetadataRequest(
            model_spec=model_spec(name, version, label), metadata_field=[field]
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

    def prepare(self) -> None:
        super().prepare()
        if self._services.gate.is_full:
            self.keep_nothing()

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
        gate = self._services.gate
        if self.is_too_large:
            self.refuse_too_large()
        elif verb != "predict":
            message = f"{verb} is not offered: recommenders have no such signature. Use predict."
            self.refuse(grpc.StatusCode.UNIMPLEMENTED, message)
        elif self._is_refused or gate.is_full:
            self.refuse(grpc.StatusCode.RESOURCE_EXHAUSTED, gate.refusal)
        else:
            await self.answer(lambda: self._predict_in_turn(name, version, label), self._services.rest_threads)

    def _predict_in_turn(self, name: str, version: str | None, label: str | None) -> str:
        with aborting(self._call):
            work = partial(self._predict, name, version, label)
            return self._services.gate.run(Call.of(self._call), len(self._body), work)

    def _predict(self, name: str, version: str | None, label: str | None) -> str:
        with _invalid_json_aborting(self._call):
            limit = self._services.max_body_bytes
            body = decoded(bytes(self._body), self.request.headers.get("Content-Encoding", ""), limit)
            document = parse_body(body, max_values(limit))
            request = predict_pb2.PredictRequest(model_spec=model_spec(name, version, label))
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


def _fields(message: Message) -> dict[str, Any]:
    # The type stubs are for a newer protobuf, which calls the first option otherwise.
    return MessageToDict(message, including_default_value_fields=True, preserving_proto_field_name=True)  # type: ignore[call-arg]
