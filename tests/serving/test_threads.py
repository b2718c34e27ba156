"""Threads of which few work."""

import threading
from collections.abc import Iterator
from concurrent.futures import Future, wait
from typing import Any

import pytest

from serving.server.threads import StackOfThreads
from tests.serving.running import TIMEOUT, until


@pytest.fixture
def threads() -> Iterator[StackOfThreads]:
    with StackOfThreads(8, "stack", idle_seconds=TIMEOUT) as executor:
        yield executor


def _name() -> str:
    return threading.current_thread().name


def _fill(threads: StackOfThreads, tasks: int) -> tuple[threading.Event, list[Future]]:
    """Tasks that end with the event."""
    end = threading.Event()
    return end, [threads.submit(end.wait, TIMEOUT) for _ in range(tasks)]


def _alive(prefix: str) -> int:
    return sum(thread.name.startswith(prefix) for thread in threading.enumerate())


def test_who_rested_last_works_next(threads: StackOfThreads) -> None:
    end, held = _fill(threads, 8)
    end.set()
    wait(held)
    until(lambda: len(threads._idle) == 8)
    names = []
    for _ in range(20):
        names.append(threads.submit(_name).result())
        until(lambda: len(threads._idle) == 8)
    assert len(set(names)) == 1
    assert _alive("stack") == 8


def test_more_tasks_than_threads_wait_for_one(threads: StackOfThreads) -> None:
    end, _ = _fill(threads, 8)
    done: list[int] = []
    waiting = [threads.submit(done.append, number) for number in range(50)]
    assert not done and _alive("stack") == 8
    end.set()
    wait(waiting)
    assert sorted(done) == list(range(50))


def test_threads_without_work_end_and_new_ones_come() -> None:
    with StackOfThreads(8, "short", idle_seconds=0.02) as threads:
        end, held = _fill(threads, 8)
        end.set()
        wait(held)
        until(lambda: _alive("short") == 0)
        assert threads.submit(_name).result(TIMEOUT) == "short_9"


def test_a_task_that_comes_as_a_thread_ends_is_done() -> None:
    with StackOfThreads(2, "edge", idle_seconds=0.0) as threads:
        assert [threads.submit(pow, number, 2).result(TIMEOUT) for number in range(2000)] == [
            number**2 for number in range(2000)
        ]


class _Late(StackOfThreads):
    """Is given one more task when its only thread has decided to end."""

    late: Future[int] | None = None

    def _next(self, inbox: Any) -> Any:
        task = super()._next(inbox)
        if task is None and self.late is None:
            self.late = self.submit(pow, 2, 5)
        return task


def test_a_task_that_comes_when_the_last_thread_has_decided_to_end_is_done() -> None:
    with _Late(1, "late", idle_seconds=0.0) as threads:
        assert threads.submit(pow, 2, 3).result(TIMEOUT) == 8
        until(lambda: threads.late is not None)
        assert threads.late and threads.late.result(TIMEOUT) == 32


def test_many_give_tasks_at_once(threads: StackOfThreads) -> None:
    results: list[int] = []

    def give() -> None:
        results.extend(threads.submit(int, "7").result(TIMEOUT) for _ in range(200))

    givers = [threading.Thread(target=give) for _ in range(16)]
    for giver in givers:
        giver.start()
    for giver in givers:
        giver.join()
    assert results == [7] * 3200
    assert _alive("stack") <= 8


def test_what_a_task_raises_is_its_callers(threads: StackOfThreads) -> None:
    for raised in (ValueError, SystemExit):
        with pytest.raises(raised):
            threads.submit(_raise, raised).result(TIMEOUT)
    assert threads.submit(pow, 2, 3).result(TIMEOUT) == 8


def _raise(error: type[BaseException]) -> None:
    raise error


def test_a_cancelled_task_is_not_started(threads: StackOfThreads) -> None:
    end, _ = _fill(threads, 8)
    done: list[int] = []
    cancelled = threads.submit(done.append, 1)
    assert cancelled.cancel()
    end.set()
    assert threads.submit(pow, 2, 3).result(TIMEOUT) == 8
    assert not done


def test_closing_does_what_was_given_and_takes_nothing_more() -> None:
    threads = StackOfThreads(1, "closing", idle_seconds=TIMEOUT)
    end, held = _fill(threads, 1)
    last = threads.submit(_name)
    threads.shutdown(wait=False)
    with pytest.raises(RuntimeError, match="after shutdown"):
        threads.submit(_name)
    end.set()
    threads.shutdown()
    assert held[0].result() and last.result() == "closing_1"
    assert _alive("closing") == 0
