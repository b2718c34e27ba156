"""The one way to an answer: every Predict, whatever protocol it came by, goes through here."""

from typing import Any

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import model_pb2, predict_pb2

from serving.server.batching import Batcher
from serving.server.call import Call
from serving.server.errors import RequestError
from serving.server.limits import Limits
from serving.server.manager import ModelManager
from serving.server.served_model import Lease
from serving.server.signature import Signature


class Predictor:
    """Answers requests from the versions that a manager serves. Any number of threads may share it.

    Args:
        manager: knows the versions.
        limits: how much one request may ask for.
        batcher: computes requests together; None to compute each in the thread that asks.
    """

    def __init__(self, manager: ModelManager, limits: Limits, batcher: Batcher | None) -> None:
        self._manager = manager
        self._limits = limits
        self._batcher = batcher

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
            signature = lease.loaded.signature(signature_name)
            if signature.takes_histories:
                self._limits.check_shapes(request.inputs)
            arrays, aliases = signature.read(request.inputs), signature.wanted(request.output_filter)
            if signature.takes_histories:
                self._limits.check_k(arrays)
            values = self._compute(signature, arrays, aliases, call)
        return predict_pb2.PredictResponse(
            model_spec=answering_spec(spec.name, lease, signature_name), outputs=signature.write(values)
        )

    def _compute(
        self, signature: Signature, arrays: dict[str, np.ndarray], aliases: list[str], call: Call
    ) -> dict[str, np.ndarray]:
        if self._batcher is None:
            return signature.compute(arrays, aliases, call.seconds_left())
        return self._batcher.run(signature, arrays, aliases, call)


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
