"""Arrays to and from the tensors of TensorFlow's C API.

Strings of up to 22 bytes are read and written where they lie, in the layout that TensorFlow promises to keep
(`ctstring_internal.h`): a byte with the length times four, then the text. Longer ones go through the API.
"""

from ctypes import c_int64, memmove, string_at
from functools import cache
from math import prod

import numpy as np
import tensorflow as tf
from numpy.typing import DTypeLike
from tensorflow.core.framework import types_pb2

from serving.server.c_api import quick

_STRING_SIZE = 24
_INLINE = [(bytes([length << 2]), bytes(_STRING_SIZE - 1 - length)) for length in range(_STRING_SIZE - 1)]
_NOT_INLINE = 3  # mask of the first byte


def new_tensor(array: np.ndarray, dtype: int) -> int:
    """Copies an array into a tensor, which `delete_tensor` has to free.

    Args:
        array: of any shape; strings are bytes.
        dtype: number of the tensor's TensorFlow type.
    """
    is_text = dtype == types_pb2.DT_STRING
    texts = array.ravel().tolist() if is_text else []
    content = _inline(texts) if is_text else array.astype(_numpy_dtype(dtype), copy=False).tobytes()
    dims = (c_int64 * array.ndim)(*array.shape)
    tensor = quick.TF_AllocateTensor(dtype, dims, array.ndim, len(content))
    data = quick.TF_TensorData(tensor)
    memmove(data, content, len(content))
    for position, text in enumerate(texts):
        if len(text) >= len(_INLINE):
            quick.TF_StringCopy(data + position * _STRING_SIZE, text, len(text))
    return int(tensor)


def delete_tensor(tensor: int) -> None:
    """Frees a tensor that `new_tensor` made, with its strings."""
    if quick.TF_TensorType(tensor) == types_pb2.DT_STRING:
        data, content = quick.TF_TensorData(tensor), _content(tensor)
        for start in range(0, len(content), _STRING_SIZE):
            if content[start] & _NOT_INLINE:
                quick.TF_StringDealloc(data + start)
    quick.TF_DeleteTensor(tensor)


def taken_array(tensor: int) -> np.ndarray:
    """Copies a tensor that a session returned into an array, and frees it."""
    shape = [quick.TF_Dim(tensor, axis) for axis in range(quick.TF_NumDims(tensor))]
    dtype, content = quick.TF_TensorType(tensor), _content(tensor)
    if dtype == types_pb2.DT_STRING:
        array = np.empty(prod(shape), object)
        array[:] = _texts(content, quick.TF_TensorData(tensor))
    else:
        array = np.frombuffer(content, _numpy_dtype(dtype))
    quick.TF_DeleteTensor(tensor)
    return array.reshape(shape)


def _inline(texts: list[bytes]) -> bytes:
    """The content of a string tensor; texts that are too long are empty in it."""
    parts: list[bytes] = []
    for text in texts:
        length = len(text)
        if length >= len(_INLINE):
            text, length = b"", 0
        head, rest = _INLINE[length]
        parts += (head, text, rest)
    return b"".join(parts)


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
