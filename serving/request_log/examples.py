"""The features of a logged row, written and read."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow_serving.apis import predict_pb2

from dimerec_tf.features import HISTORY
from serving.server.tensors import decode

K, ITEMS, SCORES = "k", "item_ids", "scores"
_MODEL, _VERSION, _LABEL = "model_name", "model_version", "model_version_label"
_TIME, _BUCKET = "time_micros", "experiment_bucket"
_USER, _REQUEST = "user_id", "request_id"
REQUEST_ID_HEADER = "x-request-id"
_BY_HEADER = {"x-experiment-bucket": _BUCKET, "x-user-id": _USER, REQUEST_ID_HEADER: _REQUEST}


@dataclass(frozen=True)
class LoggedRow:
    """One history of a request and its answer.

    Attributes:
        history_item_ids: as sent, oldest first, without padding.
        item_ids: as answered, best first, without padding.
        scores: one for each id; empty if the request did not ask for them.
        k: None if the request left it to the model.
        model_name: that answered.
        model_version: that answered.
        model_version_label: by which the request chose the version; '' for none.
        time_micros: when it was answered, microseconds since 1970 UTC.
        experiment_bucket: as the client sent it; '' for none.
        user_id: the same.
        request_id: the same.
    """

    history_item_ids: tuple[str, ...]
    item_ids: tuple[str, ...]
    scores: tuple[float, ...]
    k: int | None
    model_name: str
    model_version: int
    model_version_label: str
    time_micros: int
    experiment_bucket: str
    user_id: str
    request_id: str


def is_loggable(request: predict_pb2.PredictRequest, response: predict_pb2.PredictResponse) -> bool:
    """Whether they ask for and hold recommendations."""
    return HISTORY in request.inputs and ITEMS in response.outputs


def row_count(request: predict_pb2.PredictRequest) -> int:
    """The histories in a request."""
    return request.inputs[HISTORY].tensor_shape.dim[0].size


def examples(
    request: predict_pb2.PredictRequest,
    response: predict_pb2.PredictResponse,
    time_micros: int,
    metadata: Mapping[str, str],
) -> Iterator[tf.train.Example]:
    """An example for each history. Lists are as long as they are: padding is left out, and what is unknown too.

    Args:
        request: what was asked.
        response: what was answered.
        time_micros: when, microseconds since 1970 UTC.
        metadata: what the client sent beside the request, by names in lower case.
    """
    histories, items = decode(request.inputs[HISTORY]), decode(response.outputs[ITEMS])
    scores = decode(response.outputs[SCORES]) if SCORES in response.outputs else None
    ks = np.broadcast_to(decode(request.inputs[K]), len(histories)) if K in request.inputs else None
    spec = response.model_spec
    common = {
        _MODEL: _bytes([spec.name.encode()]),
        _VERSION: _int64([spec.version.value]),
        _TIME: _int64([time_micros]),
    }
    if request.model_spec.version_label:
        common[_LABEL] = _bytes([request.model_spec.version_label.encode()])
    for header, feature in _BY_HEADER.items():
        if metadata.get(header):
            common[feature] = _bytes([metadata[header].encode()])
    for position, (history, answered) in enumerate(zip(histories, items, strict=True)):
        kept = answered != b""
        features = {
            **common,
            HISTORY: _bytes([item for item in history if item]),
            ITEMS: _bytes(list(answered[kept])),
        }
        if scores is not None:
            features[SCORES] = tf.train.Feature(float_list=tf.train.FloatList(value=scores[position][kept]))
        if ks is not None:
            features[K] = _int64([ks[position]])
        yield tf.train.Example(features=tf.train.Features(feature=features))


class NotLogged(ValueError):
    """A record that `examples` did not write, or that holds text which is not UTF-8."""


def logged_row(record: bytes) -> LoggedRow:
    """Reads what `examples` wrote.

    Raises:
        NotLogged: it is something else.
    """
    try:
        features = tf.train.Example.FromString(record).features.feature
    except DecodeError as error:
        raise NotLogged("it is no tf.Example") from error
    if not {_MODEL, _VERSION, _TIME} <= features.keys():
        raise NotLogged(f"it lacks one of {_MODEL}, {_VERSION} and {_TIME}")

    def texts(name: str) -> tuple[str, ...]:
        try:
            return tuple(value.decode() for value in features[name].bytes_list.value)
        except UnicodeDecodeError as error:
            raise NotLogged(f"its {name} is not UTF-8") from error

    try:
        return LoggedRow(
            history_item_ids=texts(HISTORY),
            item_ids=texts(ITEMS),
            scores=tuple(features[SCORES].float_list.value),
            k=next(iter(features[K].int64_list.value), None),
            model_name=texts(_MODEL)[0],
            model_version=features[_VERSION].int64_list.value[0],
            model_version_label=next(iter(texts(_LABEL)), ""),
            time_micros=features[_TIME].int64_list.value[0],
            experiment_bucket=next(iter(texts(_BUCKET)), ""),
            user_id=next(iter(texts(_USER)), ""),
            request_id=next(iter(texts(_REQUEST)), ""),
        )
    except IndexError as error:
        raise NotLogged(f"one of {_MODEL}, {_VERSION} and {_TIME} is of another kind") from error


def _bytes(values: list[bytes]) -> tf.train.Feature:
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=values))


def _int64(values: list[int]) -> tf.train.Feature:
    return tf.train.Feature(int64_list=tf.train.Int64List(value=values))
