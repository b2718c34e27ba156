"""A client for the recommender, behind this package's server or TF Serving."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType

import grpc
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2, tensor_shape_pb2, types_pb2
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from dimerec_tf.errors import DimeRecError

_MAX_MESSAGE_BYTES = 64 * 1024 * 1024
_OPTIONS = [
    ("grpc.max_receive_message_length", _MAX_MESSAGE_BYTES),
    # A server that comes back is found within seconds; gRPC's own limit is two minutes.
    ("grpc.max_reconnect_backoff_ms", 2000),
]
_ASSERTION = re.compile(r"assertion failed: \[(.+?)\]( \[|$)")


class RecommendError(DimeRecError):
    """A call that brought no recommendations; the message is a sentence, `code` the gRPC status."""

    def __init__(self, message: str, code: grpc.StatusCode) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Recommendation:
    """The answer for one history, best first.

    Attributes:
        item_ids: at most `k` ids; fewer when the catalogue ran out.
        scores: one for each id.
        cold_start: true where no item of the history was known and the answer is the most popular items.
    """

    item_ids: tuple[str, ...]
    scores: tuple[float, ...]
    cold_start: bool


class RecommendClient:
    """Asks one model of one server. Threads may share it; use it as a context manager or call `close`.

    Args:
        address: `host:port` of the gRPC server.
        model_name: of the model on it.
        timeout_seconds: deadline of every call.
    """

    def __init__(self, address: str, model_name: str, timeout_seconds: float = 10.0) -> None:
        self._address = address
        self._model_name = model_name
        self._timeout_seconds = timeout_seconds
        self._channel = grpc.insecure_channel(address, options=_OPTIONS)
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
    ) -> list[Recommendation]:
        """Asks for what comes next after each history.

        Args:
            histories: item ids of each user, oldest first; one may be empty.
            k: how many items each user gets.
            exclude: item ids that nobody gets.
            filter_seen: whether users get nothing of their own history.
            version: of the model, None for the newest.

        Returns:
            An answer for each history, in the same order.

        Raises:
            RecommendError: the server is away, late, or refuses the request.
            TypeError: a history or `exclude` is a string instead of a sequence of ids.
        """
        if any(isinstance(ids, str) for ids in (*histories, exclude)):
            raise TypeError(
                "A history, and `exclude`, must be a sequence of ids such as ['50', '181'], not one string."
            )
        if not histories:
            return []
        request = self._request(histories, k, exclude, filter_seen, version)
        try:
            outputs = self._stub.Predict(request, timeout=self._timeout_seconds).outputs
        except grpc.RpcError as error:
            raise self._explain(error) from error
        return _answers(outputs["item_ids"], outputs["scores"], outputs["cold_start"])

    def _request(
        self,
        histories: Sequence[Sequence[str]],
        k: int,
        exclude: Sequence[str],
        filter_seen: bool,
        version: int | None,
    ) -> predict_pb2.PredictRequest:
        """Every input has a row for each history, as TF Serving's batching asks."""
        request = predict_pb2.PredictRequest()
        request.model_spec.name = self._model_name
        if version is not None:
            request.model_spec.version.value = version
        batch = len(histories)
        inputs = {
            "history_item_ids": _strings(histories),
            "k": tensor_pb2.TensorProto(dtype=types_pb2.DT_INT32, tensor_shape=_shape(batch), int_val=[k] * batch),
            "exclude_item_ids": _strings([exclude] * batch),
            "filter_seen": tensor_pb2.TensorProto(
                dtype=types_pb2.DT_BOOL, tensor_shape=_shape(batch), bool_val=[filter_seen] * batch
            ),
        }
        for name, tensor in inputs.items():
            request.inputs[name].CopyFrom(tensor)
        return request

    def _explain(self, error: grpc.RpcError) -> RecommendError:
        code, details = error.code(), error.details() or "no reason was given"
        if code is grpc.StatusCode.UNAVAILABLE:
            message = (
                f"No server answers at {self._address}. Start one with `dimerec serve --model-base-path DIR`, "
                "or name the right address."
            )
        elif code is grpc.StatusCode.DEADLINE_EXCEEDED:
            message = f"{self._address} did not answer within {self._timeout_seconds:g} s. Is it overloaded?"
        elif code is grpc.StatusCode.NOT_FOUND:
            message = (
                f"{self._address} does not serve what was asked for: {details}. Check the model's name and version, "
                "and in the server's log whether it has loaded."
            )
        else:
            message = f"{self._address} refused the request ({code.name}): {_sentence(details)}"
        return RecommendError(message, code)


def _strings(rows: Sequence[Sequence[str]]) -> tensor_pb2.TensorProto:
    """A string tensor `[rows, longest row, at least 1]`, shorter rows filled up with ''."""
    width = max(1, *(len(row) for row in rows))
    values = [item.encode() for row in rows for item in (*row, *[""] * (width - len(row)))]
    return tensor_pb2.TensorProto(dtype=types_pb2.DT_STRING, tensor_shape=_shape(len(rows), width), string_val=values)


def _shape(*sizes: int) -> tensor_shape_pb2.TensorShapeProto:
    return tensor_shape_pb2.TensorShapeProto(dim=[tensor_shape_pb2.TensorShapeProto.Dim(size=size) for size in sizes])


def _answers(
    item_ids: tensor_pb2.TensorProto, scores: tensor_pb2.TensorProto, cold_start: tensor_pb2.TensorProto
) -> list[Recommendation]:
    """Drops the '' that fill up rows with fewer items."""
    answers = []
    for ids, values, cold in zip(*(tf.make_ndarray(tensor) for tensor in (item_ids, scores, cold_start)), strict=True):
        kept = [(item.decode(), float(score)) for item, score in zip(ids, values, strict=True) if item]
        answers.append(Recommendation(tuple(item for item, _ in kept), tuple(score for _, score in kept), bool(cold)))
    return answers


def _sentence(details: str) -> str:
    """The sentence of a check in the model's graph, without the numbers TensorFlow puts around it."""
    found = _ASSERTION.search(details)
    return found.group(1) if found else details
