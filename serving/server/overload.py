"""Refuses requests at once when too many wait for a thread; the queue of gRPC's threads has no end of its own."""

import threading
from collections.abc import Callable
from concurrent import futures
from typing import Any

import grpc

from serving.server.refusal import refuse

_WITH_OWN_THREADS = "/grpc."  # health and reflection


class CountingExecutor(futures.ThreadPoolExecutor):
    """A thread pool that knows how many of its jobs wait for a thread, and how many may.

    It takes further ones all the same: who hands in jobs asks `is_full` before.

    Args:
        workers: its threads.
        max_waiting: how many jobs may wait for one of them.
        thread_name_prefix: of the threads' names.
    """

    def __init__(self, workers: int, max_waiting: int, thread_name_prefix: str) -> None:
        super().__init__(workers, thread_name_prefix)
        self._workers = workers
        self._max_waiting = max_waiting
        self._unfinished = 0
        self._counting = threading.Lock()

    @property
    def waiting(self) -> int:
        """Jobs that no thread has taken yet."""
        return max(0, self._unfinished - self._workers)

    @property
    def is_full(self) -> bool:
        """Whether as many jobs run and wait as may."""
        return self._unfinished >= self._workers + self._max_waiting

    @property
    def refusal(self) -> str:
        """What to tell a caller while it is full."""
        return f"{self._max_waiting} requests are waiting already. Try again after a pause."

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> futures.Future:
        self._count(1)
        try:
            future = super().submit(fn, *args, **kwargs)
        except RuntimeError:  # the pool has been shut down
            self._count(-1)
            raise
        future.add_done_callback(lambda _: self._count(-1))
        return future

    def _count(self, change: int) -> None:
        with self._counting:
            self._unfinished += change


class RefuseOverload(grpc.ServerInterceptor):
    """Answers RESOURCE_EXHAUSTED while the pool that runs the requests is full."""

    def __init__(self, executor: CountingExecutor) -> None:
        self._executor = executor
        self._refuse = refuse(grpc.StatusCode.RESOURCE_EXHAUSTED, executor.refusal)

    def intercept_service(
        self, continuation: Callable[[grpc.HandlerCallDetails], Any], handler_call_details: grpc.HandlerCallDetails
    ) -> Any:
        if handler_call_details.method.startswith(_WITH_OWN_THREADS):
            return continuation(handler_call_details)
        if self._executor.is_full:
            return self._refuse
        return continuation(handler_call_details)
