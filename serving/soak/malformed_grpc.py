"""Predict requests that are wrong in a known way, and bytes that are wrong in any way."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import grpc
import numpy as np
import tensorflow as tf
from hypothesis import strategies as st
from tensorflow.core.framework import tensor_pb2, tensor_shape_pb2
from tensorflow_serving.apis import predict_pb2

_Change = Callable[[predict_pb2.PredictRequest], object]
REFUSALS = frozenset(
    {
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.OUT_OF_RANGE,
        grpc.StatusCode.UNIMPLEMENTED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
    }
)
_INVALID = frozenset({grpc.StatusCode.INVALID_ARGUMENT})
_TYPES = (tf.float32, tf.float64, tf.int8, tf.int32, tf.int64, tf.uint64, tf.bool, tf.string, tf.complex64, tf.half)
_MOST_VALUES = 50
_INT64 = st.integers(-(2**63), 2**63 - 1)
_NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)


@dataclass(frozen=True)
class Malformed:
    """A message, and how it has to be answered.

    Attributes:
        fault: what is wrong with it.
        message: bytes to send.
        codes: statuses that are proper.
        may_be_right: whether chance can have made it a request that has an answer.
    """

    fault: str
    message: bytes
    codes: frozenset[grpc.StatusCode]
    may_be_right: bool = False


def malformed(good: predict_pb2.PredictRequest, max_k: int) -> st.SearchStrategy[Malformed]:
    """Requests that resemble a good one, and bytes that resemble nothing.

    Args:
        good: has all inputs of the recommender's signature, with as many rows in each, and more than one.
        max_k: the most items that the model recommends.
    """
    spec, inputs = good.model_spec, sorted(good.inputs)
    changes: dict[str, tuple[st.SearchStrategy[_Change], frozenset[grpc.StatusCode]]] = {
        "wrong type": (st.sampled_from(inputs).flatmap(lambda name: _retyped(name, good.inputs[name])), _INVALID),
        "wrong rank": (st.sampled_from(inputs).flatmap(lambda name: _reranked(name, good.inputs[name])), _INVALID),
        "impossible shape": (_with_shape(inputs, _impossible_shapes()), _INVALID),
        "huge shape": (_with_shape(inputs, _huge_shapes()), _INVALID),
        "unknown rank": (_with_shape(inputs, st.just(tensor_shape_pb2.TensorShapeProto(unknown_rank=True))), _INVALID),
        "too many values": (st.integers(2, _MOST_VALUES).map(lambda n: partial(_add_values, count=n)), _INVALID),
        "fewer rows": (st.sampled_from(sorted(set(inputs) - {"history_item_ids"})).map(_fewer_rows), _INVALID),
        "missing input": (st.just(lambda request: request.inputs.pop("history_item_ids")), _INVALID),
        "unknown input": (_NAMES.map(lambda name: partial(_add_input, name=f"no {name}")), _INVALID),
        "unknown output": (_NAMES.map(lambda name: lambda request: request.output_filter.append(name)), _INVALID),
        "k out of range": (
            (st.integers(max_k + 1, 2**31 - 1) | st.integers(-(2**31), -1)).map(lambda k: partial(_set_k, k=k)),
            _INVALID,
        ),
        "no model": (st.just(lambda request: request.ClearField("model_spec")), _INVALID),
        "no model name": (st.just(lambda request: request.model_spec.ClearField("name")), _INVALID),
        "wrong model": (
            _NAMES.filter(lambda name: name != spec.name).map(lambda name: partial(_set_spec, name=name)),
            frozenset({grpc.StatusCode.NOT_FOUND}),
        ),
        "wrong version": (
            # Small numbers may be served.
            _INT64.filter(lambda number: not 0 <= number < 2**20).map(lambda number: partial(_set_version, to=number)),
            frozenset({grpc.StatusCode.NOT_FOUND}),
        ),
        "wrong label": (_NAMES.map(lambda name: partial(_set_spec, version_label=name)), _INVALID),
        "wrong signature": (
            _NAMES.map(lambda name: partial(_set_spec, signature_name=f"no {name}")),
            frozenset({grpc.StatusCode.FAILED_PRECONDITION}),
        ),
    }
    structured = [change.map(partial(_changed, good, fault, codes)) for fault, (change, codes) in changes.items()]
    return st.one_of(*structured, st.binary(max_size=300).map(_random_bytes), mutated(good.SerializeToString()))


def mutated(message: bytes) -> st.SearchStrategy[Malformed]:
    """The fuzzer: a good message in which some pieces were replaced, removed, repeated or cut off."""
    piece = st.tuples(st.integers(0, len(message)), st.integers(0, 8), st.binary(max_size=8), st.integers(1, 3))
    return st.lists(piece, min_size=1, max_size=4).map(
        lambda pieces: Malformed("mutated bytes", _mutate(message, pieces), REFUSALS, may_be_right=True)
    )


def _mutate(message: bytes, pieces: list[tuple[int, int, bytes, int]]) -> bytes:
    for start, length, put, times in pieces:
        message = message[:start] + put * times + message[start + length :]
    return message


def _random_bytes(message: bytes) -> Malformed:
    return Malformed("random bytes", message, REFUSALS)


def _changed(
    good: predict_pb2.PredictRequest,
    fault: str,
    codes: frozenset[grpc.StatusCode],
    change: _Change,
) -> Malformed:
    request = predict_pb2.PredictRequest()
    request.CopyFrom(good)
    change(request)
    return Malformed(fault, request.SerializeToString(), codes)


def _replaced(name: str, tensor: tensor_pb2.TensorProto) -> _Change:
    return lambda request: request.inputs[name].CopyFrom(tensor)


def _retyped(name: str, tensor: tensor_pb2.TensorProto) -> st.SearchStrategy[_Change]:
    shape = [dim.size for dim in tensor.tensor_shape.dim]
    others = [kind for kind in _TYPES if kind.as_datatype_enum != tensor.dtype]

    def filled(kind: tf.DType, value: float) -> _Change:
        text = str(value).encode()
        with np.errstate(all="ignore"):
            array = np.full(shape, text if kind == tf.string else np.float64(value)).astype(kind.as_numpy_dtype)
        return _replaced(name, tf.make_tensor_proto(array, kind))

    return st.builds(filled, st.sampled_from(others), st.floats())  # NaN and infinities, too


def _reranked(name: str, tensor: tensor_pb2.TensorProto) -> st.SearchStrategy[_Change]:
    kind, rank = tf.dtypes.as_dtype(tensor.dtype), len(tensor.tensor_shape.dim)
    shapes = st.lists(st.integers(0, 3), max_size=5).filter(lambda shape: len(shape) != rank)
    empty = b"" if kind == tf.string else 0
    return shapes.map(lambda shape: _replaced(name, tf.make_tensor_proto(np.full(shape, empty), kind)))


def _with_shape(
    names: list[str], shapes: st.SearchStrategy[tensor_shape_pb2.TensorShapeProto]
) -> st.SearchStrategy[_Change]:
    def set_shape(name: str, shape: tensor_shape_pb2.TensorShapeProto, keep: bool) -> _Change:
        def change(request: predict_pb2.PredictRequest) -> None:
            if not keep:
                request.inputs[name].CopyFrom(tensor_pb2.TensorProto(dtype=request.inputs[name].dtype))
            request.inputs[name].tensor_shape.CopyFrom(shape)

        return change

    return st.builds(set_shape, st.sampled_from(names), shapes, st.booleans())


def _shape(sizes: list[int]) -> tensor_shape_pb2.TensorShapeProto:
    return tensor_shape_pb2.TensorShapeProto(dim=[tensor_shape_pb2.TensorShapeProto.Dim(size=size) for size in sizes])


def _impossible_shapes() -> st.SearchStrategy[tensor_shape_pb2.TensorShapeProto]:
    sizes = st.lists(st.integers(-(2**63), 4), min_size=1, max_size=4)
    return sizes.filter(lambda shape: min(shape) < 0).map(_shape)


def _huge_shapes() -> st.SearchStrategy[tensor_shape_pb2.TensorShapeProto]:
    """From some hundred thousand elements upwards, with data for a few or none."""
    return st.lists(st.integers(2**18, 2**63 - 1), min_size=1, max_size=2).map(_shape)


def _add_values(request: predict_pb2.PredictRequest, count: int) -> None:
    tensor = request.inputs["history_item_ids"]
    size = int(np.prod([dim.size for dim in tensor.tensor_shape.dim]))
    tensor.string_val.extend([b"x"] * (size - len(tensor.string_val) + count))


def _fewer_rows(name: str) -> _Change:
    """Two rows for a history of more."""

    def change(request: predict_pb2.PredictRequest) -> None:
        array = tf.make_ndarray(request.inputs[name])[:2]
        request.inputs[name].CopyFrom(tf.make_tensor_proto(array))

    return change


def _add_input(request: predict_pb2.PredictRequest, name: str) -> None:
    request.inputs[name].CopyFrom(tf.make_tensor_proto([[1]]))


def _set_k(request: predict_pb2.PredictRequest, k: int) -> None:
    shape = [dim.size for dim in request.inputs["k"].tensor_shape.dim]
    request.inputs["k"].CopyFrom(tf.make_tensor_proto(k, tf.int32, shape))


def _set_spec(request: predict_pb2.PredictRequest, **fields: str) -> None:
    for field, value in fields.items():
        setattr(request.model_spec, field, value)


def _set_version(request: predict_pb2.PredictRequest, to: int) -> None:
    request.model_spec.version.value = to
