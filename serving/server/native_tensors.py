"""Arrays to and from the tensors of TensorFlow's C API.

A string tensor is made by TensorFlow from its message: then the buffer owns its strings, and they live as long as
anybody shares it, be it an output that passes it through or a variable that keeps it. Strings of up to 22 bytes are
read where they lie, in the layout that TensorFlow promises to keep (`ctstring_internal.h`): a byte with the length
times four, then the text. Longer ones go through the API.
"""

from ctypes import byref, c_char_p, c_int64, c_void_p, cast, memmove, string_at
from functools import cache
from math import prod

import numpy as np
import tensorflow as tf
from numpy.typing import DTypeLike
from tensorflow.core.framework import tensor_pb2, tensor_shape_pb2, types_pb2

from serving.server.c_api import Buffer, checked, quick

_STRING_SIZE = 24
_NOT_INLINE = 3  # mask of the first byte


def new_tensor(array: np.ndarray, dtype: int) -> int:
    """Copies an array into a tensor, which `delete_tensor` has to free.

    Args:
        array: of any shape; strings are bytes.
        dtype: number of the tensor's TensorFlow type.
    """
    if dtype == types_pb2.DT_STRING:
        return _new_strings(array)
    content = array.astype(_numpy_dtype(dtype), copy=False).tobytes()
    tensor = _allocated(dtype, array.shape, len(content))
    memmove(quick.TF_TensorData(tensor), content, len(content))
    return tensor


def delete_tensor(tensor: int) -> None:
    """Gives a tensor up; what it holds is freed with the last of those that share it."""
    quick.TF_DeleteTensor(tensor)


def array_of(tensor: int) -> np.ndarray:
    """Copies a tensor into an array."""
    shape = [quick.TF_Dim(tensor, axis) for axis in range(quick.TF_NumDims(tensor))]
    dtype, content = quick.TF_TensorType(tensor), _content(tensor)
    if dtype == types_pb2.DT_STRING:
        array = np.empty(prod(shape), object)
        array[:] = _texts(content, quick.TF_TensorData(tensor))
    else:
        array = np.frombuffer(content, _numpy_dtype(dtype))
    return array.reshape(shape)


def _new_strings(array: np.ndarray) -> int:
    if not array.size:
        return _allocated(types_pb2.DT_STRING, array.shape, 0)
    dims = [tensor_shape_pb2.TensorShapeProto.Dim(size=size) for size in array.shape]
    proto = tensor_pb2.TensorProto(
        dtype=types_pb2.DT_STRING,
        tensor_shape=tensor_shape_pb2.TensorShapeProto(dim=dims),
        string_val=array.ravel().tolist(),
    )
    content = proto.SerializeToString()
    tensor = _allocated(types_pb2.DT_STRING, (0,), 0)
    try:
        with checked() as status:
            message = Buffer(cast(c_char_p(content), c_void_p), len(content), None)
            quick.TF_TensorFromProto(byref(message), tensor, status)
    except BaseException:
        delete_tensor(tensor)
        raise
    return tensor


def _allocated(dtype: int, shape: tuple[int, ...], size: int) -> int:
    return int(quick.TF_AllocateTensor(dtype, (c_int64 * len(shape))(*shape), len(shape), size))


def _texts(content: bytes, data: int) -> list[bytes]:
    texts = []
    for start in range(0, len(content), _STRING_SIZE):
        head = content[start]
        if head & _NOT_INLINE:
            place = data + start
            texts.append(string_at(quick.TF_StringGetDataPointer(place), quick.TF_StringGetSize(place)))
        else:
            texts.append(content[start + 1 : start + 1 + (head >> 2)])
    return texts


def _content(tensor: int) -> bytes:
    return string_at(quick.TF_TensorData(tensor), quick.TF_TensorByteSize(tensor))


@cache
def _numpy_dtype(number: int) -> DTypeLike:
    return tf.dtypes.as_dtype(number).as_numpy_dtype
