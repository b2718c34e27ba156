"""Refuses requests at once when too many wait for a thread; the queue of gRPC's threads has no end of its own."""

import threading
from collections.abc import Callable
from concurrent import futures
from typing import Any

import grpc

from serving.server.refusal import refuse

_WITH_OWN_THREADS = "/grpc."  # health and reflection


class CountingExecutor(futures.ThreadPoolExecutor):
    """A thread pool that knows how many of its jobs wait or run."""

    def __init__(self, workers: int, thread_name_prefix: str) -> None:
        super().__init__(workers, thread_name_prefix)
        self.workers = workers
        self.unfinished = 0
        self._counting = threading.Lock()

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
            self.unfinished += change


class RefuseOverload(grpc.ServerInterceptor):
    """Answers RESOURCE_EXHAUSTED while a pool has as many jobs waiting as allowed.

    Args:
        executor: runs the requests.
        max_waiting: how many may wait for one of its threads.
    """

    def __init__(self, executor: CountingExecutor, max_waiting: int) -> None:
        self._executor = executor
        self._max_waiting = max_waiting
        self._refuse = refuse(
            grpc.StatusCode.RESOURCE_EXHAUSTED, f"{max_waiting} requests are waiting already. Try again after a pause."
        )

    def intercept_service(
        self, continuation: Callable[[grpc.HandlerCallDetails], Any], handler_call_details: grpc.HandlerCallDetails
    ) -> Any:
        if handler_call_details.method.startswith(_WITH_OWN_THREADS):
            return continuation(handler_call_details)
        if self._executor.unfinished - self._executor.workers >= self._max_waiting:
            return self._refuse
        return continuation(handler_call_details)
