"""The batcher by itself, with a computation that the test holds back, so that what is joined is certain."""

import threading
from collections.abc import Iterator, Sequence
from concurrent import futures
from contextlib import contextmanager
from time import monotonic

import grpc
import numpy as np
import pytest

from serving.server.batching import Batcher
from serving.server.batching_options import BatchingOptions
from serving.server.call import Call
from serving.server.errors import RequestError
from tests.serving.running import TIMEOUT, until


class Doubler:
    """Doubles `x`; refuses 13; keeps every batch it was given and waits while the gate is closed."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.defaults: dict[str, np.ndarray] = {}
        self.gate = threading.Event()

    def compute(
        self, arrays: dict[str, np.ndarray], aliases: Sequence[str], seconds: float | None = None
    ) -> dict[str, np.ndarray]:
        rows = arrays["x"].tolist()
        self.batches.append(rows)
        assert self.gate.wait(TIMEOUT)
        if b"13" in rows:
            raise RequestError(grpc.StatusCode.INVALID_ARGUMENT, "13 is refused")
        return {"y": np.array([2 * int(row) for row in rows])}


class Bench:
    """One batcher, a computation and threads that ask it."""

    def __init__(self, batcher: Batcher, pool: futures.ThreadPoolExecutor) -> None:
        self.batcher = batcher
        self.pool = pool
        self.doubler = Doubler()

    def send(self, *values: int, call: Call | None = None) -> futures.Future[dict[str, np.ndarray]]:
        x = np.array([b"%d" % value for value in values], object)
        return self.pool.submit(self.batcher.run, self.doubler, {"x": x}, ["y"], call or Call())

    def ask(self, *values: int, call: Call | None = None) -> futures.Future[dict[str, np.ndarray]]:
        """Sends a request and waits until it is queued, or answered."""
        queued = sum(self.batcher._queued_rows.values()) + len(values)
        future = self.send(*values, call=call)
        until(lambda: sum(self.batcher._queued_rows.values()) == queued or future.done())
        return future

    def occupy(self) -> futures.Future[dict[str, np.ndarray]]:
        """Starts a request that keeps the only thread busy until the gate opens."""
        future = self.send(0)
        until(lambda: self.doubler.batches == [[b"0"]])
        return future


@contextmanager
def bench(**options: object) -> Iterator[Bench]:
    batcher = Batcher(BatchingOptions(num_batch_threads=1, **options))
    with futures.ThreadPoolExecutor(16) as pool:
        one = Bench(batcher, pool)
        yield one
        one.doubler.gate.set()
    batcher.close()


def doubled(future: futures.Future) -> list[int]:
    return future.result(TIMEOUT)["y"].tolist()


def refusal(future: futures.Future) -> grpc.StatusCode:
    error = future.exception(TIMEOUT)
    assert isinstance(error, RequestError)
    assert str(error).endswith(".") or "refused" in str(error)
    return error.code


def test_requests_that_wait_are_joined_up_to_the_largest_batch() -> None:
    with bench(max_batch_size=4) as one:
        first = one.occupy()
        asked = [one.ask(1, 2), one.ask(3), one.ask(4, 5), one.ask(6)]
        one.doubler.gate.set()
        assert doubled(first) == [0]
        assert [doubled(future) for future in asked] == [[2, 4], [6], [8, 10], [12]]
        assert one.doubler.batches[1:] == [[b"1", b"2", b"3"], [b"4", b"5", b"6"]]


def test_the_first_request_of_a_batch_waits_for_others() -> None:
    with bench(max_batch_size=2, batch_timeout_micros=3_600_000_000) as one:
        one.doubler.gate.set()
        alone = one.ask(1)
        assert not alone.done()
        assert doubled(one.ask(2)) == [4]
        assert doubled(alone) == [2]
        assert one.doubler.batches == [[b"1", b"2"]]


def test_a_batch_is_due_after_the_timeout() -> None:
    with bench(batch_timeout_micros=1000) as one:
        one.doubler.gate.set()
        assert doubled(one.ask(1)) == [2]


def test_batches_are_filled_up_to_an_allowed_size() -> None:
    with bench(max_batch_size=4, allowed_batch_sizes=(2, 4)) as one:
        one.doubler.gate.set()
        assert doubled(one.ask(1, 2, 3)) == [2, 4, 6]
        assert one.doubler.batches == [[b"1", b"2", b"3", b"1"]]


def test_an_error_meets_only_the_request_that_caused_it() -> None:
    with bench() as one:
        one.occupy()
        asked = [one.ask(1), one.ask(13), one.ask(2)]
        one.doubler.gate.set()
        assert [doubled(asked[0]), doubled(asked[2])] == [[2], [4]]
        assert refusal(asked[1]) is grpc.StatusCode.INVALID_ARGUMENT


def test_a_full_queue_refuses_at_once_and_takes_requests_again_later() -> None:
    with bench(max_batch_size=2, max_enqueued_batches=2) as one:
        one.occupy()
        asked = [one.ask(number) for number in range(4)]
        assert refusal(one.ask(9)) is grpc.StatusCode.RESOURCE_EXHAUSTED
        one.doubler.gate.set()
        assert [doubled(future) for future in asked] == [[0], [2], [4], [6]]
        assert doubled(one.ask(9)) == [18]


def test_a_request_larger_than_a_batch_is_refused() -> None:
    with bench(max_batch_size=2) as one:
        assert refusal(one.ask(1, 2, 3)) is grpc.StatusCode.INVALID_ARGUMENT


def test_an_expired_request_is_dropped_and_not_computed() -> None:
    with bench() as one:
        one.occupy()
        late = one.ask(1, call=Call(monotonic() + 0.1))
        assert refusal(late) is grpc.StatusCode.DEADLINE_EXCEEDED
        patient = one.ask(2)
        one.doubler.gate.set()
        assert doubled(patient) == [4]
        assert one.doubler.batches[1:] == [[b"2"]]


def test_a_cancelled_request_is_dropped_and_the_thread_lives() -> None:
    with bench() as one:
        one.occupy()
        waiting = threading.Event()
        waiting.set()
        gone = one.ask(1, call=Call(is_waiting=waiting.is_set))
        other = one.ask(2)
        waiting.clear()
        one.doubler.gate.set()
        assert doubled(other) == [4]
        assert refusal(gone) is grpc.StatusCode.CANCELLED
        assert one.doubler.batches[1:] == [[b"2"]]
        assert doubled(one.ask(3)) == [6]


def test_whoever_leaves_during_the_computation_waits_for_its_end() -> None:
    """The version may be unloaded once nobody uses it, so nobody may leave while it runs."""
    with bench() as one:
        late = one.send(1, call=Call(monotonic() + 1.5))
        until(lambda: one.doubler.batches == [[b"1"]])
        with pytest.raises(futures.TimeoutError):
            late.result(2.0)
        one.doubler.gate.set()
        assert refusal(late) is grpc.StatusCode.DEADLINE_EXCEEDED


def test_closing_computes_what_has_come_and_refuses_the_rest() -> None:
    with bench(batch_timeout_micros=3_600_000_000) as one:
        one.doubler.gate.set()
        waiting = one.ask(1)
        one.batcher.close()
        assert doubled(waiting) == [2]
        assert refusal(one.ask(2)) is grpc.StatusCode.UNAVAILABLE
        assert not one.batcher._lanes and not one.batcher._queued_rows


class Adder:
    """Adds 1 to numbers of any row and keeps every batch."""

    def __init__(self) -> None:
        self.batches: list[list[float]] = []
        self.defaults: dict[str, np.ndarray] = {}
        self.gate = threading.Event()

    def compute(
        self, arrays: dict[str, np.ndarray], aliases: Sequence[str], seconds: float | None = None
    ) -> dict[str, np.ndarray]:
        self.batches.append(arrays["x"].tolist())
        assert self.gate.wait(TIMEOUT)
        return {"y": arrays["x"] + 1}


def test_numbers_that_differ_are_computed_together() -> None:
    batcher, adder = Batcher(BatchingOptions(num_batch_threads=1)), Adder()
    with futures.ThreadPoolExecutor(8) as pool:

        def send(*values: float) -> futures.Future[dict[str, np.ndarray]]:
            return pool.submit(batcher.run, adder, {"x": np.array(values)}, ["y"], Call())

        first = send(0.0)
        until(lambda: bool(adder.batches))
        rest = [send(1.0), send(2.0, 3.0), send(4.0)]
        until(lambda: batcher.queued_rows == 4)
        adder.gate.set()
        assert [each.result(TIMEOUT)["y"].tolist() for each in (first, *rest)] == [[1.0], [2.0], [3.0, 4.0], [5.0]]
    assert [sorted(batch) for batch in adder.batches] == [[0.0], [1.0, 2.0, 3.0, 4.0]]
    batcher.close()
