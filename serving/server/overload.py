"""So many requests are computed at a time, so many wait for their turn, and further ones are refused at once."""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial, wraps
from typing import Any, TypeVar

import grpc

from serving.server.call import Call
from serving.server.errors import RequestError, aborting
from serving.server.memory import give_back
from serving.server.refusal import refuse
from serving.server.unreadable import Received

_OPEN = "/grpc."  # health and reflection take no turns
SMALL_BYTES = 64 * 1024  # requests of so many find room whatever the larger ones take

_Answer = TypeVar("_Answer")


class _Turn:
    """What a waiting request waits for: its turn, or the end of its call."""

    def __init__(self) -> None:
        self.has_come = False
        self.something_happened = threading.Event()


class Gate:
    """Computes requests in the order in which they came.

    One that finds room is computed where it is. One that had to wait is computed in a thread of the gate: those that
    wait are many, and each thread that computes keeps some MB of what TensorFlow put on its stack.

    Args:
        workers: how many may be inside.
        max_waiting: how many may wait.
        max_bytes: that the messages of all of them may have; what each has below `SMALL_BYTES` does not count.
    """

    def __init__(self, workers: int, max_waiting: int, max_bytes: int) -> None:
        self._workers = workers
        self._max_waiting = max_waiting
        self._max_bytes = max_bytes
        self._threads = ThreadPoolExecutor(workers, "computing")
        self._lock = threading.Lock()
        self._turns: deque[_Turn] = deque()
        self._inside = 0
        self._bytes = 0

    @property
    def places(self) -> int:
        """How many requests may be inside and wait."""
        return self._workers + self._max_waiting

    @property
    def waiting(self) -> int:
        """Requests whose turn has not come."""
        return len(self._turns)

    @property
    def is_full(self) -> bool:
        """Whether as many requests are inside and wait as may."""
        return self._inside >= self._workers and len(self._turns) >= self._max_waiting

    @property
    def refusal(self) -> str:
        """What to tell a caller while it is full."""
        return f"{self._max_waiting} requests are waiting already. Try again after a pause."

    def run(self, call: Call, size: int, work: Callable[[], _Answer]) -> _Answer:
        """Waits for a request's turn and computes it.

        Args:
            call: who waits; not for longer than their deadline, or after they have gone.
            size: bytes of the message.
            work: what to do; what it raises is raised here.

        Raises:
            RequestError: too much is waiting, the deadline passed or the caller has gone.
        """
        with self._turn(call, size) as has_waited:
            return self._threads.submit(work).result() if has_waited else work()

    def close(self) -> None:
        """Takes nothing more; whatever is being computed had its grace, and ends by itself."""
        self._threads.shutdown(wait=False)

    @contextmanager
    def _turn(self, call: Call, size: int) -> Iterator[bool]:
        counted = max(0, size - SMALL_BYTES)
        with self._lock:
            turn = self._queue(counted)
        try:
            if turn is not None:
                self._wait(turn, call)
            try:
                yield turn is not None
            finally:
                self._leave()
        finally:
            give_back(size)
            with self._lock:
                self._bytes -= counted

    def _queue(self, counted: int) -> _Turn | None:
        if self.is_full:
            raise RequestError(grpc.StatusCode.RESOURCE_EXHAUSTED, self.refusal)
        if counted and self._bytes + counted > self._max_bytes:
            message = f"Requests of {self._bytes} bytes are held already. Try again after a pause, or send fewer rows."
            raise RequestError(grpc.StatusCode.RESOURCE_EXHAUSTED, message)
        self._bytes += counted
        if self._inside < self._workers:
            self._inside += 1
            return None
        turn = _Turn()
        self._turns.append(turn)
        return turn

    def _wait(self, turn: _Turn, call: Call) -> None:
        call.when_over(turn.something_happened.set)
        turn.something_happened.wait(call.seconds_left())
        with self._lock:
            if turn.has_come:
                return
            self._turns.remove(turn)
        call.check()
        raise RequestError(grpc.StatusCode.CANCELLED, "The call ended before its turn came.")

    def _leave(self) -> None:
        with self._lock:
            if self._turns:
                turn = self._turns.popleft()
                turn.has_come = True
                turn.something_happened.set()
            else:
                self._inside -= 1


class TakeTurns(grpc.ServerInterceptor):
    """Lets calls through a gate, once their messages are there; while it is full they are refused before that."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._refuse = refuse(grpc.StatusCode.RESOURCE_EXHAUSTED, gate.refusal)

    def intercept_service(
        self, continuation: Callable[[grpc.HandlerCallDetails], Any], handler_call_details: grpc.HandlerCallDetails
    ) -> Any:
        handler = continuation(handler_call_details)
        if handler is None or handler_call_details.method.startswith(_OPEN):
            return handler
        if self._gate.is_full:
            return self._refuse

        @wraps(handler.unary_unary)
        def answer(received: Received, context: grpc.ServicerContext) -> Any:
            with aborting(context):
                work = partial(handler.unary_unary, received, context)
                return self._gate.run(Call.of(context), len(received.data), work)

        return grpc.unary_unary_rpc_method_handler(answer, None, handler.response_serializer)
