"""Tensors between protocol buffers and numpy, as TF Serving reads and writes them."""

import math
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2, tensor_shape_pb2, types_pb2

MAX_ELEMENTS = 1 << 24
MAX_RANK = 32  # NumPy has no more
MAX_REPEATED = 1 << 16  # elements of a tensor that leaves some out: a few bytes must not ask for much memory
_PIECE = 1 << 14
_VALUE_FIELDS = {
    types_pb2.DT_STRING: "string_val",
    types_pb2.DT_FLOAT: "float_val",
    types_pb2.DT_DOUBLE: "double_val",
    types_pb2.DT_INT32: "int_val",
    types_pb2.DT_INT64: "int64_val",
    types_pb2.DT_BOOL: "bool_val",
}
_HEADER_FIELDS = {"dtype", "tensor_shape", "version_number"}


def decode(proto: tensor_pb2.TensorProto) -> np.ndarray:
    """Reads a tensor. Values that are left out repeat the last one; without any the tensor is zeros or ''.

    Raises:
        ValueError: the message contradicts itself or is too large; the text says what was received.
    """
    shape = _shape(proto)
    dtype = _numpy_dtype(proto)
    given = {field.name: len(values) for field, values in proto.ListFields() if field.name not in _HEADER_FIELDS}
    if "tensor_content" not in given and sum(given.values()) < math.prod(shape) > MAX_REPEATED:
        raise ValueError(
            f"a tensor of more than {MAX_REPEATED} elements must hold all its values, got shape {list(shape)}"
        )
    if not given:
        return np.full(shape, b"", object) if proto.dtype == types_pb2.DT_STRING else np.zeros(shape, dtype)
    expected = _VALUE_FIELDS.get(proto.dtype)
    if expected and not set(given) <= {expected, "tensor_content"}:
        raise ValueError(f"values of type {dtype_name(proto.dtype)} belong in {expected}, found {', '.join(given)}")
    if expected and given == {expected: math.prod(shape)}:  # the usual form, which `make_ndarray` is slow with
        return _unpacked(getattr(proto, expected), dtype).reshape(shape)
    try:
        return tf.make_ndarray(proto)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{error} (dtype {dtype_name(proto.dtype)}, shape {list(shape)})") from error


def encode(value: Any, dtype: int) -> tensor_pb2.TensorProto:
    """Writes what a session returned.

    Args:
        value: array or scalar of any shape.
        dtype: number of its TensorFlow type.
    """
    field = _VALUE_FIELDS.get(dtype)
    if field is None:
        return tf.make_tensor_proto(value, dtype)
    array = np.asarray(value, dtype=object if dtype == types_pb2.DT_STRING else None)
    dims = [tensor_shape_pb2.TensorShapeProto.Dim(size=size) for size in array.shape]
    proto = tensor_pb2.TensorProto(dtype=dtype, tensor_shape=tensor_shape_pb2.TensorShapeProto(dim=dims))
    getattr(proto, field).extend(array.ravel().tolist())
    return proto


def dtype_name(number: int) -> str:
    """`int32` for DT_INT32; `type 99` where TensorFlow knows no such type."""
    try:
        return tf.dtypes.as_dtype(number).name
    except TypeError:
        return f"type {number}"


def _unpacked(values: Any, dtype: Any) -> np.ndarray:
    """Repeated values as an array, in pieces: other threads get their turn between them."""
    if len(values) <= _PIECE:
        return np.array(values, dtype)
    array = np.empty(len(values), dtype)
    for start in range(0, len(values), _PIECE):
        array[start : start + _PIECE] = values[start : start + _PIECE]
    return array


def _shape(proto: tensor_pb2.TensorProto) -> tuple[int, ...]:
    if proto.tensor_shape.unknown_rank:
        raise ValueError("the tensor's rank is unknown")
    if len(proto.tensor_shape.dim) > MAX_RANK:
        raise ValueError(f"a tensor may have {MAX_RANK} dimensions, got {len(proto.tensor_shape.dim)}")
    shape = tuple(dim.size for dim in proto.tensor_shape.dim)
    if any(size < 0 for size in shape):
        raise ValueError(f"no dimension may be negative, got shape {list(shape)}")
    if math.prod(shape) > MAX_ELEMENTS:
        raise ValueError(f"at most {MAX_ELEMENTS} elements are accepted, got shape {list(shape)}")
    return shape


def _numpy_dtype(proto: tensor_pb2.TensorProto) -> Any:
    try:
        return tf.dtypes.as_dtype(proto.dtype).as_numpy_dtype
    except (TypeError, KeyError) as error:
        raise ValueError(f"{dtype_name(proto.dtype)} is no type of a tensor's values") from error
