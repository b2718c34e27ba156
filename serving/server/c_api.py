"""TensorFlow's C API (`tensorflow/c/c_api.h`), as far as a session needs it.

The functions of `quick` keep Python's lock, those of `slow` give it up for as long as they run.
"""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import POINTER, c_char_p, c_int, c_int64, c_size_t, c_void_p
from pathlib import Path
from typing import Any

import tensorflow as tf


class TensorFlowError(Exception):
    """What TensorFlow refused or failed at. `code` is the number of the gRPC status that describes it."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Output(ctypes.Structure):
    """`TF_Output`: which output of which operation."""

    _fields_ = (("operation", c_void_p), ("index", c_int))


class Buffer(ctypes.Structure):
    """`TF_Buffer`: bytes and who frees them."""

    _fields_ = (("data", c_void_p), ("length", c_size_t), ("free", c_void_p))


_QUICK: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "TF_NewStatus": (c_void_p, ()),
    "TF_DeleteStatus": (None, (c_void_p,)),
    "TF_GetCode": (c_int, (c_void_p,)),
    "TF_Message": (c_char_p, (c_void_p,)),
    "TF_NewBuffer": (POINTER(Buffer), ()),
    "TF_NewBufferFromString": (POINTER(Buffer), (c_char_p, c_size_t)),
    "TF_DeleteBuffer": (None, (POINTER(Buffer),)),
    "TF_NewGraph": (c_void_p, ()),
    "TF_NewSessionOptions": (c_void_p, ()),
    "TF_DeleteSessionOptions": (None, (c_void_p,)),
    "TF_GraphOperationByName": (c_void_p, (c_void_p, c_char_p)),
    "TF_OperationNumOutputs": (c_int, (c_void_p,)),
    "TF_AllocateTensor": (c_void_p, (c_int, POINTER(c_int64), c_int, c_size_t)),
    "TF_DeleteTensor": (None, (c_void_p,)),
    "TF_TensorType": (c_int, (c_void_p,)),
    "TF_NumDims": (c_int, (c_void_p,)),
    "TF_Dim": (c_int64, (c_void_p, c_int)),
    "TF_TensorByteSize": (c_size_t, (c_void_p,)),
    "TF_TensorData": (c_void_p, (c_void_p,)),
    "TF_TensorFromProto": (None, (POINTER(Buffer), c_void_p, c_void_p)),
    "TF_StringGetDataPointer": (c_void_p, (c_void_p,)),
    "TF_StringGetSize": (c_size_t, (c_void_p,)),
}
_SLOW: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "TF_LoadSessionFromSavedModel": (
        c_void_p,
        (c_void_p, c_void_p, c_char_p, POINTER(c_char_p), c_int, c_void_p, POINTER(Buffer), c_void_p),
    ),
    "TF_SessionRun": (
        None,
        (
            c_void_p,
            POINTER(Buffer),
            POINTER(Output),
            POINTER(c_void_p),
            c_int,
            POINTER(Output),
            POINTER(c_void_p),
            c_int,
            c_void_p,
            c_int,
            c_void_p,
            c_void_p,
        ),
    ),
    "TF_CloseSession": (None, (c_void_p, c_void_p)),
    "TF_DeleteSession": (None, (c_void_p, c_void_p)),
    "TF_DeleteGraph": (None, (c_void_p,)),
}


def _declared(library: ctypes.CDLL, functions: dict[str, tuple[Any, tuple[Any, ...]]]) -> ctypes.CDLL:
    for name, (result, arguments) in functions.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


_PATH = str(Path(tf.sysconfig.get_lib()) / "libtensorflow_cc.so.2")
quick = _declared(ctypes.PyDLL(_PATH), _QUICK)
slow = _declared(ctypes.CDLL(_PATH), _SLOW)


@contextmanager
def checked() -> Iterator[int]:
    """A status for the call in the block, which raises what it says.

    Raises:
        TensorFlowError: the call failed.
    """
    status = quick.TF_NewStatus()
    try:
        yield status
        code = quick.TF_GetCode(status)
        if code:
            raise TensorFlowError(code, quick.TF_Message(status).decode(errors="replace"))
    finally:
        quick.TF_DeleteStatus(status)
