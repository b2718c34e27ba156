"""Messages are received outside of the threads that compute, and nobody who holds back theirs holds up others."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import inf
from time import monotonic
from typing import Any

import grpc

from serving.server.unreadable import Received, read

PLACES = 512
STREAMS = 128  # of health and reflection
RECEIVE_SECONDS = 30.0
_LOOK_SECONDS = 1.0


class WaitingRoom:
    """Calls that hold a thread while it is the client's turn to send, or to take what is sent.

    When there are too many, the one that came first is cancelled: a client that sends at once is not there for long.

    Args:
        places: how many calls may be there.
        seconds: how long each may be there.
    """

    def __init__(self, places: int, seconds: float) -> None:
        self._places = places
        self._seconds = seconds
        self._lock = threading.Lock()
        self._calls: dict[object, tuple[float, grpc.ServicerContext]] = {}  # the oldest first
        self._closed = threading.Event()
        self._watch = threading.Thread(target=self._cancel_late, name="waiting-room", daemon=True)
        self._watch.start()

    @contextmanager
    def waiting(self, context: grpc.ServicerContext) -> Iterator[None]:
        """Gives a call a place for the time of the block."""
        place = object()
        with self._lock:
            self._calls[place] = monotonic(), context
            oldest = self._calls.pop(next(iter(self._calls))) if len(self._calls) > self._places else None
        if oldest is not None:
            oldest[1].cancel()
        try:
            yield
        finally:
            with self._lock:
                self._calls.pop(place, None)

    def close(self) -> None:
        """Ends the watch over the time."""
        self._closed.set()
        self._watch.join()

    def _cancel_late(self) -> None:
        while not self._closed.wait(min(_LOOK_SECONDS, self._seconds / 4)):
            started_before = monotonic() - self._seconds
            with self._lock:
                late = [place for place, (started, _) in self._calls.items() if started < started_before]
                contexts = [self._calls.pop(place)[1] for place in late]
            for context in contexts:
                context.cancel()


class ReceiveMessages(grpc.ServerInterceptor):
    """Gives handlers of one request a `Received`, once it is there; streams of answers have threads of their own.

    A handler that is marked `needs_no_message` is called without waiting. To be closed after the server.
    """

    def __init__(self) -> None:
        self._room = WaitingRoom(PLACES, RECEIVE_SECONDS)
        self._streams = WaitingRoom(STREAMS, inf)

    def close(self) -> None:
        """Ends the watch over the time."""
        self._room.close()
        self._streams.close()

    def intercept_service(
        self, continuation: Callable[[grpc.HandlerCallDetails], Any], handler_call_details: grpc.HandlerCallDetails
    ) -> Any:
        handler = continuation(handler_call_details)
        if handler is None:
            return None
        if handler.unary_unary is not None:
            return grpc.stream_unary_rpc_method_handler(
                self._answering(handler.unary_unary), None, handler.response_serializer
            )
        if handler.unary_stream is not None:
            message_type = handler.request_deserializer.__self__
            return grpc.stream_stream_rpc_method_handler(
                self._sending(handler.unary_stream, message_type), None, handler.response_serializer
            )
        return grpc.stream_stream_rpc_method_handler(
            self._talking(handler.stream_stream), handler.request_deserializer, handler.response_serializer
        )

    def _answering(self, behaviour: Callable[..., Any]) -> Callable[..., Any]:
        def answer(messages: Iterator[bytes], context: grpc.ServicerContext) -> Any:
            if getattr(behaviour, "needs_no_message", False):
                return behaviour(None, context)
            return behaviour(Received(self._first(messages, context)), context)

        return answer

    def _sending(self, behaviour: Callable[..., Any], message_type: Any) -> Callable[..., Any]:
        def send(messages: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[Any]:
            message = read(message_type, self._first(messages, context), context)
            with self._streams.waiting(context):
                yield from behaviour(message, context)

        return send

    def _talking(self, behaviour: Callable[..., Any]) -> Callable[..., Any]:
        def talk(messages: Iterator[Any], context: grpc.ServicerContext) -> Iterator[Any]:
            with self._streams.waiting(context):
                yield from behaviour(messages, context)

        return talk

    def _first(self, messages: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
        with self._room.waiting(context):
            for data in messages:
                return data
        context.abort(grpc.StatusCode.UNIMPLEMENTED, "The call ended without a message: send exactly one.")
        raise AssertionError("abort always raises")
