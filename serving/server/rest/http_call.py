"""An HTTP request in the place of a gRPC call, so that the services need not know which of them they answer."""

import time
from collections.abc import Callable, Iterable
from typing import NoReturn

import grpc
from tornado.httputil import HTTPHeaders


class CallAborted(Exception):
    """A service ended the call with a status; the HTTP status is the code's own unless another is given."""

    def __init__(self, code: grpc.StatusCode, details: str, http_status: int | None = None) -> None:
        super().__init__(details)
        self.code = code
        self.http_status = http_status


class HttpCall:
    """The part of `grpc.ServicerContext` that the services use.

    Args:
        headers: of the request; they stand for the call's metadata.
        timeout_seconds: until the caller gets no answer any more.
    """

    def __init__(self, headers: HTTPHeaders, timeout_seconds: float) -> None:
        self._headers = headers
        self._end = time.monotonic() + timeout_seconds
        self._cancelled = False
        self._callbacks: list[Callable[[], None]] = []

    def cancel(self) -> None:
        """Notes that nobody waits for the answer."""
        self._cancelled = True
        for callback in self._callbacks:
            callback()

    def add_callback(self, callback: Callable[[], None]) -> bool:
        self._callbacks.append(callback)
        if self._cancelled:
            callback()
        return True

    def is_active(self) -> bool:
        return not self._cancelled and self.time_remaining() > 0

    def time_remaining(self) -> float:
        return max(0.0, self._end - time.monotonic())

    def invocation_metadata(self) -> Iterable[tuple[str, str]]:
        return tuple((name.lower(), value) for name, value in self._headers.get_all())

    def abort(self, code: grpc.StatusCode, details: str) -> NoReturn:
        raise CallAborted(code, details)
