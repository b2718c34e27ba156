"""Tensors between JSON and protocol buffers, by the rules of TF Serving's REST API."""

import base64
import binascii
import json
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2, tensor_shape_pb2, types_pb2
from tensorflow.core.protobuf import meta_graph_pb2

from serving.server.limits import MAX_PADDING
from serving.server.tensors import MAX_ELEMENTS, decode, dtype_name

_BYTES_SUFFIX = "_bytes"
_B64 = "b64"
_MAX_SHOWN = 80
_MAX_RANK = 16
_FIELDS = {
    types_pb2.DT_STRING: "string_val",
    types_pb2.DT_BOOL: "bool_val",
    types_pb2.DT_FLOAT: "float_val",
    types_pb2.DT_DOUBLE: "double_val",
    types_pb2.DT_INT8: "int_val",
    types_pb2.DT_UINT8: "int_val",
    types_pb2.DT_INT16: "int_val",
    types_pb2.DT_INT32: "int_val",
    types_pb2.DT_INT64: "int64_val",
    types_pb2.DT_UINT32: "uint32_val",
    types_pb2.DT_UINT64: "uint64_val",
}
# What is rounded to infinity.
_TOO_LARGE = {types_pb2.DT_FLOAT: float.fromhex("0x1.ffffffp127"), types_pb2.DT_DOUBLE: 2**1024 - 2**970}
_BOUNDS = {
    dtype: (tf.dtypes.as_dtype(dtype).min, tf.dtypes.as_dtype(dtype).max)
    for dtype in _FIELDS
    if tf.dtypes.as_dtype(dtype).is_integer
}


class JsonError(ValueError):
    """JSON that is no tensor, or a tensor that is no JSON; the message says what was received."""


def is_base64(value: Any) -> bool:
    """Whether a JSON value is `{"b64": "..."}`, which stands for bytes."""
    return isinstance(value, dict) and set(value) == {_B64} and isinstance(value[_B64], str)


def to_tensor(value: Any, info: meta_graph_pb2.TensorInfo, may_pad: bool = False) -> tensor_pb2.TensorProto:
    """Reads a scalar or nested lists as a tensor of the type that a signature declares.

    Args:
        value: the scalar or lists.
        info: what the signature says of the input.
        may_pad: fill up shorter rows with '' where the signature leaves the last of two or more dimensions of a string
            input open.

    Raises:
        JsonError: the lists are ragged, a value is not of the type, or JSON has no form for the type.
    """
    if info.dtype not in _FIELDS:
        raise JsonError(f"JSON has no form for values of type {dtype_name(info.dtype)}; send this input over gRPC")
    shape = _shape(value)
    if len(shape) > _MAX_RANK:
        raise JsonError(f"lists may be nested {_MAX_RANK} deep, got {len(shape)}")
    padded = may_pad and _is_padded(info, len(shape))
    if padded:
        lengths = [len(row) for row in _rows(value, len(shape) - 1)]
        shape[-1] = max(lengths, default=0)
        missing = shape[-1] * len(lengths) - sum(lengths)
        if missing > MAX_PADDING:
            raise JsonError(
                f"the longest row has {shape[-1]} values, and the others would have to be filled up with {missing}, "
                f"where {MAX_PADDING} are allowed: send long rows in a request of their own"
            )
    if math.prod(shape) > MAX_ELEMENTS:
        raise JsonError(f"at most {MAX_ELEMENTS} elements are accepted, got shape {shape}")
    values: list[Any] = []
    _fill(value, shape, padded, info.dtype, values)
    dims = [tensor_shape_pb2.TensorShapeProto.Dim(size=size) for size in shape]
    proto = tensor_pb2.TensorProto(dtype=info.dtype, tensor_shape=tensor_shape_pb2.TensorShapeProto(dim=dims))
    getattr(proto, _FIELDS[info.dtype]).extend(values)
    return proto


def to_json(name: str, proto: tensor_pb2.TensorProto) -> Any:
    """Writes an output as a scalar or nested lists. Strings are text unless the name ends in `_bytes`.

    Raises:
        JsonError: JSON has no form for the type, or a text is not UTF-8.
    """
    if proto.dtype not in _FIELDS:
        raise JsonError(f'JSON has no form for output "{name}" of type {dtype_name(proto.dtype)}; ask over gRPC')
    array = decode(proto)
    write: Callable[[Any], Any]
    if proto.dtype == types_pb2.DT_STRING:
        write = _base64_object if name.endswith(_BYTES_SUFFIX) else _text
    elif proto.dtype == types_pb2.DT_FLOAT:
        write = _shortest  # as a double, .2 would become .20000000298023224
    else:
        return array.tolist()
    try:
        values = np.fromiter((write(value) for value in array.flat), object, array.size)
    except UnicodeDecodeError as error:
        raise JsonError(f'Output "{name}" holds bytes that are not UTF-8 text; ask over gRPC') from error
    return values.reshape(array.shape).tolist()


def _shape(value: Any) -> list[int]:
    shape = []
    while isinstance(value, list):
        shape.append(len(value))
        value = value[0] if value else None
    return shape


def _is_padded(info: meta_graph_pb2.TensorInfo, rank: int) -> bool:
    dims = info.tensor_shape.dim
    return info.dtype == types_pb2.DT_STRING and rank == len(dims) >= 2 and dims[-1].size == -1


def _rows(value: Any, depth: int) -> Iterator[list[Any]]:
    """The innermost lists; what is no list is left for `_fill` to refuse."""
    if not isinstance(value, list):
        return
    if depth == 0:
        yield value
        return
    for part in value:
        yield from _rows(part, depth - 1)


def _fill(value: Any, shape: list[int], padded: bool, dtype: int, values: list[Any]) -> None:
    """Appends the values of nested lists in order, checking that they have the shape."""
    if not shape:
        values.append(_read(value, dtype))
        return
    if not isinstance(value, list):
        raise JsonError(f"expected a list of {shape[0]} and got {_shown(value)}: all parts must be nested alike")
    if padded and len(shape) == 1:
        values.extend(_read(part, dtype) for part in value)
        values.extend([b""] * (shape[0] - len(value)))
        return
    if len(value) != shape[0]:
        raise JsonError(f"lists side by side must be of one length, got {shape[0]} and {len(value)} values")
    for part in value:
        _fill(part, shape[1:], padded, dtype, values)


def _read(value: Any, dtype: int) -> Any:
    if dtype == types_pb2.DT_STRING:
        return _read_string(value)
    if dtype in _TOO_LARGE:
        return _read_float(value, dtype)
    if dtype == types_pb2.DT_BOOL:
        fits = isinstance(value, bool)
    else:
        least, most = _BOUNDS[dtype]
        fits = isinstance(value, int) and not isinstance(value, bool) and least <= value <= most
    if not fits:
        raise JsonError(f"{_shown(value)} is no {dtype_name(dtype)}")
    return value


def _read_float(value: Any, dtype: int) -> float:
    """Any number, whole ones included, for the type to round; one that it would make infinite is refused."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or (abs(value) >= _TOO_LARGE[dtype] and not _is_special(value)):
        raise JsonError(f"{_shown(value)} is no {dtype_name(dtype)}")
    return float(value)


def _is_special(value: float) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def _read_string(value: Any) -> bytes:
    if isinstance(value, str):
        try:
            return value.encode()
        except UnicodeEncodeError as error:
            raise JsonError(f"{_shown(value)} holds half of a surrogate pair and is no text") from error
    if is_base64(value):
        text = "".join(value[_B64].split())
        try:
            return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)  # padding may be left out
        except (binascii.Error, ValueError) as error:
            raise JsonError(f"{_shown(value)} is not base64: {error}") from error
    raise JsonError(f'{_shown(value)} is no string, and no bytes in the form {{"b64": "..."}}')


def _shown(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}..."


def _text(value: bytes) -> str:
    return value.decode()


def _base64_object(value: bytes) -> dict[str, str]:
    return {_B64: base64.b64encode(value).decode()}


def _shortest(value: np.float32) -> float:
    """The double with the fewest digits that reads back as the same float32."""
    return float(str(value))
