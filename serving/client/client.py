"""A gRPC client for the recommender, behind this package's server or TF Serving."""

import json
from collections.abc import Mapping, Sequence

import grpc
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2, tensor_shape_pb2, types_pb2
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from serving.client.access import OPEN, Access
from serving.client.recommendation import (
    FIRST_PAUSE_SECONDS,
    LONGEST_PAUSE_SECONDS,
    MAX_ATTEMPTS,
    RETRIED,
    Recommendation,
    RecommendError,
    Rows,
    Version,
    answer,
)
from serving.client.recommender import Recommender

__all__ = ["RecommendClient", "RecommendError", "Recommendation"]

_MAX_MESSAGE_BYTES = 64 * 1024 * 1024
_RETRIES = {
    "methodConfig": [
        {
            "name": [{"service": "tensorflow.serving.PredictionService"}],
            "retryPolicy": {  # gRPC adds the jitter, and stops at the deadline
                "maxAttempts": MAX_ATTEMPTS,
                "initialBackoff": f"{FIRST_PAUSE_SECONDS}s",
                "maxBackoff": f"{LONGEST_PAUSE_SECONDS}s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": [code.name for code in RETRIED],
            },
        }
    ]
}
_OPTIONS = [
    ("grpc.max_receive_message_length", _MAX_MESSAGE_BYTES),
    ("grpc.service_config", json.dumps(_RETRIES)),
    # A server that comes back is found as soon as a retry asks; gRPC's own limits are one second and two minutes.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2000),
]


class RecommendClient(Recommender):
    """A `Recommender` over gRPC.

    Args:
        address: `host:port` of the gRPC server.
        model_name: of the model on it.
        timeout_seconds: deadline of every call, repetitions included.
        fallback: item ids, best first, to answer with when the server is away, overloaded or late; empty to raise.
        access: TLS and token.
    """

    start_command = "dimerec serve --model-base-path DIR"

    def __init__(
        self,
        address: str,
        model_name: str,
        timeout_seconds: float = 10.0,
        fallback: Sequence[str] = (),
        access: Access = OPEN,
    ) -> None:
        super().__init__(address, timeout_seconds, fallback)
        self._model_name = model_name
        self._channel = access.channel(address, _OPTIONS)
        self._stub = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)

    def close(self) -> None:
        """Closes the connection."""
        self._channel.close()

    def _ask(
        self, rows_of_inputs: Mapping[str, Rows], version: Version, sent: Mapping[str, str]
    ) -> list[Recommendation]:
        request = predict_pb2.PredictRequest()
        request.model_spec.name = self._model_name
        if isinstance(version, str):
            request.model_spec.version_label = version
        elif version is not None:
            request.model_spec.version.value = version
        for alias, rows in rows_of_inputs.items():
            request.inputs[alias].CopyFrom(_tensor(rows))
        try:
            outputs = self._stub.Predict(request, timeout=self._timeout_seconds, metadata=list(sent.items())).outputs
        except grpc.RpcError as error:
            raise self._explain(error.code(), error.details() or "no reason was given") from error
        return _answers(outputs["item_ids"], outputs["scores"], outputs["cold_start"])


def _tensor(rows: Rows) -> tensor_pb2.TensorProto:
    """`[rows]`, or `[rows, width]` of strings."""
    batch = len(rows)
    strings = [item.encode() for row in rows if isinstance(row, list) for item in row]
    if strings:
        shape = _shape(batch, len(strings) // batch)
        return tensor_pb2.TensorProto(dtype=types_pb2.DT_STRING, tensor_shape=shape, string_val=strings)
    if isinstance(rows[0], bool):
        return tensor_pb2.TensorProto(dtype=types_pb2.DT_BOOL, tensor_shape=_shape(batch), bool_val=rows)
    if isinstance(rows[0], float):
        return tensor_pb2.TensorProto(dtype=types_pb2.DT_FLOAT, tensor_shape=_shape(batch), float_val=rows)
    return tensor_pb2.TensorProto(dtype=types_pb2.DT_INT32, tensor_shape=_shape(batch), int_val=rows)


def _shape(*sizes: int) -> tensor_shape_pb2.TensorShapeProto:
    return tensor_shape_pb2.TensorShapeProto(dim=[tensor_shape_pb2.TensorShapeProto.Dim(size=size) for size in sizes])


def _answers(
    item_ids: tensor_pb2.TensorProto, scores: tensor_pb2.TensorProto, cold_start: tensor_pb2.TensorProto
) -> list[Recommendation]:
    rows = zip(*(tf.make_ndarray(tensor) for tensor in (item_ids, scores, cold_start)), strict=True)
    return [answer([item.decode() for item in ids], values, cold) for ids, values, cold in rows]
