"""A gRPC client for the recommender, behind this package's server or TF Serving."""

import json
from collections.abc import Sequence
from types import TracebackType

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
    Question,
    Recommendation,
    RecommendError,
    answer,
    explain,
    fallback_answers,
    headers,
    padded,
)

__all__ = ["RecommendClient", "RecommendError", "Recommendation"]

_MAX_MESSAGE_BYTES = 64 * 1024 * 1024
_START_COMMAND = "dimerec serve --model-base-path DIR"
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
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2000),
]


class RecommendClient:
    """Asks one model of one server. Threads may share it; use it as a context manager or call `close`.

    Calls that find no server, or one that is overloaded, are repeated after growing pauses, within their deadline.

    Args:
        address: `host:port` of the gRPC server.
        model_name: of the model on it.
        timeout_seconds: deadline of every call, repetitions included.
        fallback: item ids, best first, to answer with when the server is away, overloaded or late; empty to raise.
        access: TLS and token.
    """

    def __init__(
        self,
        address: str,
        model_name: str,
        timeout_seconds: float = 10.0,
        fallback: Sequence[str] = (),
        access: Access = OPEN,
    ) -> None:
        self._address = address
        self._model_name = model_name
        self._timeout_seconds = timeout_seconds
        self._fallback = tuple(fallback)
        self._channel = access.channel(address, _OPTIONS)
        self._stub = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)

    def __enter__(self) -> "RecommendClient":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connection."""
        self._channel.close()

    def recommend(
        self,
        histories: Sequence[Sequence[str]],
        k: int = 10,
        exclude: Sequence[str] = (),
        filter_seen: bool = False,
        version: int | None = None,
        experiment_bucket: str = "",
        user_id: str = "",
        allow: Sequence[str] | None = None,
        num_steps: int | None = None,
        seed: int | None = None,
    ) -> list[Recommendation]:
        """Asks for what comes next after each history.

        Args:
            histories: item ids of each user, oldest first; one may be empty.
            k: how many items each user gets.
            exclude: item ids that nobody gets.
            filter_seen: whether users get nothing of their own history.
            version: of the model, None for the newest.
            experiment_bucket: ASCII text for the server's request log, '' for none.
            user_id: the same; experiments are reported by it.
            allow: item ids of which alone everybody gets, None for all.
            num_steps: of the model's reverse walk, None for its own number.
            seed: of the reverse walk, None for the model's own. An older export knows none of these three.

        Returns:
            An answer for each history, in the same order.

        Raises:
            RecommendError: the server refuses the request, or is away or late and there is no fallback.
            QuestionError: `allow` holds no id.
            TypeError: a history, `exclude` or `allow` is a string instead of a sequence of ids.
        """
        question = Question(histories, k, exclude, filter_seen, allow, num_steps, seed)
        if not histories:
            return []
        metadata = list(headers(experiment_bucket, user_id).items())
        request = self._request(question, version)
        try:
            outputs = self._stub.Predict(request, timeout=self._timeout_seconds, metadata=metadata).outputs
        except grpc.RpcError as error:
            details = error.details() or "no reason was given"
            explained = explain(error.code(), details, self._address, self._timeout_seconds, _START_COMMAND)
            explained.__cause__ = error
            return fallback_answers(question, self._fallback, explained)
        return _answers(outputs["item_ids"], outputs["scores"], outputs["cold_start"])

    def _request(self, question: Question, version: int | None) -> predict_pb2.PredictRequest:
        """Every input has a row for each history, as TF Serving's batching asks; what is not asked is not sent."""
        request = predict_pb2.PredictRequest()
        request.model_spec.name = self._model_name
        if version is not None:
            request.model_spec.version.value = version
        batch = len(question.histories)
        seen = [question.filter_seen] * batch
        inputs = {
            "history_item_ids": _strings(question.histories),
            "k": _integers([question.k] * batch),
            "exclude_item_ids": _strings([question.exclude] * batch),
            "filter_seen": tensor_pb2.TensorProto(dtype=types_pb2.DT_BOOL, tensor_shape=_shape(batch), bool_val=seen),
        }
        if question.allow is not None:
            inputs["allow_item_ids"] = _strings([question.allow] * batch)
        if question.num_steps is not None:
            inputs["num_steps"] = _integers([question.num_steps] * batch)
        if question.seed is not None:
            inputs["seed"] = _integers([question.seed] * batch)
        for name, tensor in inputs.items():
            request.inputs[name].CopyFrom(tensor)
        return request


def _strings(rows: Sequence[Sequence[str]]) -> tensor_pb2.TensorProto:
    """A string tensor `[rows, longest row, at least 1]`."""
    filled = padded(rows)
    values = [item.encode() for row in filled for item in row]
    shape = _shape(len(filled), len(filled[0]))
    return tensor_pb2.TensorProto(dtype=types_pb2.DT_STRING, tensor_shape=shape, string_val=values)


def _integers(values: Sequence[int]) -> tensor_pb2.TensorProto:
    return tensor_pb2.TensorProto(dtype=types_pb2.DT_INT32, tensor_shape=_shape(len(values)), int_val=values)


def _shape(*sizes: int) -> tensor_shape_pb2.TensorShapeProto:
    return tensor_shape_pb2.TensorShapeProto(dim=[tensor_shape_pb2.TensorShapeProto.Dim(size=size) for size in sizes])


def _answers(
    item_ids: tensor_pb2.TensorProto, scores: tensor_pb2.TensorProto, cold_start: tensor_pb2.TensorProto
) -> list[Recommendation]:
    rows = zip(*(tf.make_ndarray(tensor) for tensor in (item_ids, scores, cold_start)), strict=True)
    return [answer([item.decode() for item in ids], values, cold) for ids, values, cold in rows]
