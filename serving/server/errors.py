"""How the server says no: gRPC status codes with a sentence."""

from collections.abc import Iterator
from contextlib import contextmanager

import grpc

from dimerec_tf.errors import DimeRecError

_BY_NUMBER = {code.value[0]: code for code in grpc.StatusCode}


MAX_TEXT = 512


class RequestError(Exception):
    """A request that cannot be answered; becomes the status of the call. What is long of its message is left out."""

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(shortened(message))
        self.code = code


class ModelLoadError(DimeRecError):
    """A version that cannot be loaded. `error_code` is the number of the gRPC status that describes it."""

    def __init__(self, message: str, error_code: int = grpc.StatusCode.INTERNAL.value[0]) -> None:
        super().__init__(message)
        self.error_code = error_code


class ServerStartError(DimeRecError):
    """The server cannot start with what it was given."""


def shortened(text: str) -> str:
    """A text of at most 512 characters: gRPC sends it in a header of 8 KB, which clients take."""
    if len(text) <= MAX_TEXT:
        return text
    return f"{text[: MAX_TEXT * 2 // 3]} ... ({len(text)} characters) ... {text[-MAX_TEXT // 6 :]}"


def status_code(number: int) -> grpc.StatusCode:
    """The gRPC status of a TensorFlow error code: both number their codes alike."""
    return _BY_NUMBER.get(number, grpc.StatusCode.UNKNOWN)


@contextmanager
def aborting(context: grpc.ServicerContext) -> Iterator[None]:
    """Ends the call with the status of a `RequestError` from the block."""
    try:
        yield
    except RequestError as error:
        context.abort(error.code, str(error))
