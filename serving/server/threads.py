"""Threads for many callers of which few compute."""

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any

_IDLE_SECONDS = 10.0

_Task = Callable[[], None]


class StackOfThreads(Executor):
    """An executor whose latest idle thread works next, and whose threads end when they have nothing to do.

    `ThreadPoolExecutor` wakes the thread that has rested longest. After a burst of callers each request would be
    computed in another of hundreds of threads, and each keeps some MB of what TensorFlow put on its stack.

    Args:
        most: how many threads there may be; further tasks wait for one.
        name: of the threads, before a number.
        idle_seconds: how long a thread waits for work before it ends.

    >>> with StackOfThreads(2, "worker") as threads:
    ...     threads.submit(pow, 2, 5).result()
    32
    """

    def __init__(self, most: int, name: str, idle_seconds: float = _IDLE_SECONDS) -> None:
        self._most = most
        self._name = name
        self._idle_seconds = idle_seconds
        self._lock = threading.Lock()
        self._waiting: deque[_Task] = deque()
        self._idle: list[SimpleQueue[_Task | None]] = []
        self._threads: set[threading.Thread] = set()
        self._started = 0
        self._closed = False

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """See `concurrent.futures.Executor`."""
        future: Future[Any] = Future()
        task = partial(_run, future, partial(fn, *args, **kwargs))
        with self._lock:
            if self._closed:
                raise RuntimeError("cannot schedule new futures after shutdown")
            if self._idle:
                self._idle.pop().put(task)
            elif len(self._threads) < self._most:
                self._start(task)
            else:
                self._waiting.append(task)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """See `concurrent.futures.Executor`; to cancel what waits is not offered."""
        with self._lock:
            self._closed = True
            for inbox in self._idle:
                inbox.put(None)
            self._idle.clear()
            threads = list(self._threads)
        if wait:
            for thread in threads:
                thread.join()

    def _start(self, task: _Task) -> None:
        self._started += 1
        thread = threading.Thread(target=self._work, args=[task], name=f"{self._name}_{self._started}")
        thread.start()
        self._threads.add(thread)

    def _work(self, task: _Task | None) -> None:
        inbox: SimpleQueue[_Task | None] = SimpleQueue()
        while task is not None:
            task()
            del task  # and with it what the task holds, while this thread waits
            task = self._next(inbox)

    def _next(self, inbox: "SimpleQueue[_Task | None]") -> _Task | None:
        with self._lock:
            if self._waiting:
                return self._waiting.popleft()
            if self._closed:
                return None
            self._idle.append(inbox)
        try:
            return inbox.get(timeout=self._idle_seconds)
        except Empty:
            with self._lock:
                if inbox in self._idle:
                    # In one step: a task that comes in between would find no idle thread and no room for a new one.
                    self._idle.remove(inbox)
                    self._threads.discard(threading.current_thread())
                    return None
            return inbox.get()  # it was given a task at the last moment


def _run(future: "Future[Any]", work: Callable[[], Any]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = work()
    except BaseException as error:
        future.set_exception(error)
    else:
        future.set_result(result)
