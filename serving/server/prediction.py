"""The one way to an answer: every Predict, whatever protocol it came by, goes through here."""

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Any

import grpc
import tensorflow as tf
from tensorflow_serving.apis import model_pb2, predict_pb2

from serving.server.errors import RequestError
from serving.server.manager import ModelManager
from serving.server.served_model import Lease


@dataclass(frozen=True)
class Call:
    """Who waits for an answer, and how long.

    Attributes:
        deadline: on the clock of `time.monotonic`, None for none.
        is_waiting: false once the caller has gone.
    """

    deadline: float | None = None
    is_waiting: Callable[[], bool] = lambda: True

    @staticmethod
    def of(context: grpc.ServicerContext) -> "Call":
        """The call of a gRPC request."""
        seconds = context.time_remaining()
        return Call(None if seconds is None else monotonic() + seconds, context.is_active)

    def check(self) -> None:
        """Raises a `RequestError` if nobody waits for the answer any more."""
        if not self.is_waiting():
            raise RequestError(grpc.StatusCode.CANCELLED, "The caller went away before its request was started.")
        if self.deadline is not None and monotonic() >= self.deadline:
            raise RequestError(grpc.StatusCode.DEADLINE_EXCEEDED, "The deadline passed before the request was started.")


class Predictor:
    """Answers requests from the versions that a manager serves. Any number of threads may share it."""

    def __init__(self, manager: ModelManager) -> None:
        self._manager = manager

    def predict(self, request: predict_pb2.PredictRequest, call: Call | None = None) -> predict_pb2.PredictResponse:
        """Answers one request.

        Args:
            request: as TF Serving's Predict takes it.
            call: who waits for it; None for somebody who waits for ever.

        Raises:
            RequestError: it cannot be answered; code and message are for the caller.
        """
        call = call or Call()
        call.check()
        spec = checked_spec(request)
        signature_name = spec.signature_name or tf.saved_model.DEFAULT_SERVING_SIGNATURE_DEF_KEY
        with self._manager.lease(spec) as lease:
            outputs = lease.loaded.run(signature_name, request.inputs, request.output_filter)
        return predict_pb2.PredictResponse(model_spec=answering_spec(spec.name, lease, signature_name), outputs=outputs)


def checked_spec(request: Any) -> model_pb2.ModelSpec:
    """The model that a request names.

    Raises:
        RequestError: it has no `model_spec`.
    """
    if not request.HasField("model_spec"):
        raise RequestError(grpc.StatusCode.INVALID_ARGUMENT, "Missing ModelSpec")
    return request.model_spec


def answering_spec(name: str, lease: Lease, signature_name: str = "") -> model_pb2.ModelSpec:
    """Names the version that gave an answer."""
    spec = model_pb2.ModelSpec(name=name, signature_name=signature_name)
    spec.version.value = lease.number
    return spec
