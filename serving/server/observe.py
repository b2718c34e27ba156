"""Tells observers of every call that has ended, gRPC's by an interceptor; the REST handlers tell them of theirs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import wraps
from time import perf_counter
from typing import Any

import grpc
from tensorflow_serving.apis import model_pb2, predict_pb2

from serving.server.unreadable import Received

GRPC, REST = "GRPC", "REST"
_NO_SPEC = model_pb2.ModelSpec()
_SERVICE = "/tensorflow.serving.PredictionService/"


@dataclass(frozen=True)
class FinishedCall:
    """A call that has been answered or refused.

    Attributes:
        api: the method as TF Serving's metrics spell it, such as `predict`.
        entrypoint: `GRPC` or `REST`.
        model_name: as the caller gave it; '' if the call ended before it was known.
        code: how it ended.
        seconds: from its arrival in a thread to its end.
        metadata: what the caller sent beside the request, names in lower case.
        request: None if it was no Predict or could not be read.
        response: None if there was none.
    """

    api: str
    entrypoint: str
    model_name: str
    code: grpc.StatusCode
    seconds: float
    metadata: Mapping[str, str] = field(default_factory=dict)
    request: predict_pb2.PredictRequest | None = None
    response: predict_pb2.PredictResponse | None = None


Observer = Callable[[FinishedCall], None]


class ObserveCalls(grpc.ServerInterceptor):
    """Tells observers of the calls of PredictionService. They run in the call's thread and must not raise."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._observers = observers

    def intercept_service(
        self, continuation: Callable[[grpc.HandlerCallDetails], Any], handler_call_details: grpc.HandlerCallDetails
    ) -> Any:
        handler = continuation(handler_call_details)
        method = handler_call_details.method
        if handler is None or not method.startswith(_SERVICE):
            return handler
        api = _snake_case(method.removeprefix(_SERVICE))

        @wraps(handler.unary_unary)  # with its attributes: a refusal needs no message
        def observed(received: Received | None, context: grpc.ServicerContext) -> Any:
            started, response, failed = perf_counter(), None, True
            try:
                response = handler.unary_unary(received, context)
                failed = False
                return response
            finally:
                request = None if received is None else received.message
                call = FinishedCall(
                    api,
                    GRPC,
                    getattr(request, "model_spec", _NO_SPEC).name,
                    _outcome(context, failed),
                    perf_counter() - started,
                    dict(context.invocation_metadata()),
                    request if isinstance(request, predict_pb2.PredictRequest) else None,
                    response if isinstance(response, predict_pb2.PredictResponse) else None,
                )
                for observer in self._observers:
                    observer(call)

        return grpc.unary_unary_rpc_method_handler(observed, None, handler.response_serializer)


def _outcome(context: grpc.ServicerContext, failed: bool) -> grpc.StatusCode:
    code = context.code()
    if code is not None:
        return code
    if failed:
        return grpc.StatusCode.UNKNOWN
    if context.is_active():
        return grpc.StatusCode.OK
    left = context.time_remaining()
    late = left is not None and left <= 0
    return grpc.StatusCode.DEADLINE_EXCEEDED if late else grpc.StatusCode.CANCELLED


def _snake_case(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")
