"""The threads that answer requests."""

import threading
from collections.abc import Callable
from concurrent import futures
from typing import Any


class CountingExecutor(futures.ThreadPoolExecutor):
    """A thread pool that knows how many of its jobs wait for a thread."""

    def __init__(self, workers: int, thread_name_prefix: str) -> None:
        super().__init__(workers, thread_name_prefix)
        self.workers = workers
        self._unfinished = 0
        self._counting = threading.Lock()

    @property
    def waiting(self) -> int:
        """Jobs that no thread has taken yet."""
        return max(0, self._unfinished - self.workers)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> futures.Future:
        future = super().submit(fn, *args, **kwargs)
        self._count(1)
        future.add_done_callback(lambda _: self._count(-1))
        return future

    def _count(self, change: int) -> None:
        with self._counting:
            self._unfinished += change
