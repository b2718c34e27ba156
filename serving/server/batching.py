"""Dynamic batching: requests that wait for a thread are computed together."""

import threading
from collections import Counter, deque
from collections.abc import Hashable, Sequence
from concurrent import futures
from dataclasses import dataclass, field
from time import monotonic
from typing import Protocol

import grpc
import numpy as np

from serving.server.batching_options import BatchingOptions
from serving.server.call import Call, too_late
from serving.server.errors import RequestError
from serving.server.joining import Arrays, fill_defaults, join, joining_key, narrowed, padding, row_count, split
from serving.server.limits import MAX_PADDING


class Computation(Protocol):
    """What can be batched: a signature of a loaded version."""

    @property
    def defaults(self) -> Arrays:
        """Values of inputs that a request may leave out."""

    def compute(self, arrays: Arrays, aliases: Sequence[str], seconds: float | None = None) -> dict[str, np.ndarray]:
        """Runs once, for somebody who waits so many seconds, None for ever."""


@dataclass(eq=False)
class _Task:
    """`joined` is what is joined of it: `arrays` with defaults for each row."""

    arrays: Arrays
    joined: Arrays
    rows: int
    call: Call
    enqueued: float = field(default_factory=monotonic)
    answer: futures.Future[dict[str, np.ndarray]] = field(default_factory=futures.Future)


@dataclass(eq=False)
class _Lane:
    """Waiting tasks that may be joined, oldest first."""

    signature: Computation
    aliases: Sequence[str]
    joinable: bool
    tasks: deque[_Task] = field(default_factory=deque)
    rows: int = 0


class Batcher:
    """Joins requests along axis 0 and computes them in threads of its own, for all models of a server.

    No batch mixes signatures or versions. A joined run that fails is repeated request by request, so that nobody gets
    another's error; so is one whose outputs cannot be split.
    """

    def __init__(self, options: BatchingOptions) -> None:
        self._options = options
        self._changed = threading.Condition()
        self._lanes: dict[Hashable, _Lane] = {}
        self._queued_rows: Counter[Computation] = Counter()
        self._closed = False
        self._threads = [
            threading.Thread(target=self._work, name=f"{options.thread_pool_name}_{number}", daemon=True)
            for number in range(options.num_batch_threads)
        ]
        for thread in self._threads:
            thread.start()

    def run(self, signature: Computation, arrays: Arrays, aliases: Sequence[str], call: Call) -> dict[str, np.ndarray]:
        """Computes one request, perhaps together with others, and waits for it.

        Args:
            signature: computes; must stay loaded until this returns.
            arrays: the request's inputs by alias.
            aliases: the outputs wanted.
            call: who waits.

        Raises:
            RequestError: the request is larger than a batch, the queue is full, the deadline passed, the caller has
                gone, or the computation refused.
        """
        task = _Task(arrays, fill_defaults(arrays, signature.defaults), row_count(arrays), call)
        self._enqueue(task, signature, aliases)
        try:
            return task.answer.result(call.seconds_left())
        except futures.TimeoutError:
            if not task.answer.cancel():  # it runs: the version must not be unloaded meanwhile
                futures.wait([task.answer])
            raise too_late() from None

    @property
    def queued_rows(self) -> int:
        """Rows that no batch has taken yet, of all signatures."""
        with self._changed:
            return self._queued_rows.total()

    def close(self) -> None:
        """Refuses new requests and waits for those that have come."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _enqueue(self, task: _Task, signature: Computation, aliases: Sequence[str]) -> None:
        options = self._options
        if task.rows > options.max_batch_size:
            raise RequestError(
                grpc.StatusCode.INVALID_ARGUMENT,
                f"A request may have {options.max_batch_size} rows (max_batch_size), this one has {task.rows}.",
            )
        key = joining_key(task.joined, options.pad_variable_length_inputs)
        lane_key = (signature, tuple(aliases), task if key is None else key)
        with self._changed:
            if self._closed:
                raise RequestError(grpc.StatusCode.UNAVAILABLE, "The server is shutting down.")
            if self._queued_rows[signature] + task.rows > options.max_batch_size * options.max_enqueued_batches:
                raise RequestError(
                    grpc.StatusCode.RESOURCE_EXHAUSTED,
                    f"{options.max_enqueued_batches} batches are waiting already (max_enqueued_batches). "
                    "Try again after a pause.",
                )
            lane = self._lanes.setdefault(lane_key, _Lane(signature, aliases, key is not None))
            lane.tasks.append(task)
            lane.rows += task.rows
            self._queued_rows[signature] += task.rows
            self._changed.notify()

    def _work(self) -> None:
        while (taken := self._take()) is not None:
            lane, tasks = taken
            if lane.joinable and self._compute_joined(lane, tasks):
                continue
            for task in tasks:
                _compute_alone(lane, task)

    def _take(self) -> tuple[_Lane, list[_Task]] | None:
        """Waits for a batch; None once there will be none."""
        with self._changed:
            while True:
                ripe_at = {key: self._ripe_at(lane) for key, lane in self._lanes.items()}
                if not ripe_at and self._closed:
                    return None
                key = min(ripe_at, key=ripe_at.__getitem__, default=None)
                if key is None:
                    self._changed.wait()
                elif (wait := ripe_at[key] - monotonic()) > 0.0:
                    self._changed.wait(wait)
                else:
                    return self._lanes[key], self._pop(key)

    def _ripe_at(self, lane: _Lane) -> float:
        """When a lane's first batch is due: at once if it is full, or if nothing can join it."""
        arrived = lane.tasks[0].enqueued
        if self._closed or not lane.joinable or lane.rows >= self._options.max_batch_size:
            return arrived
        return arrived + self._options.batch_timeout_micros / 1e6

    def _pop(self, key: Hashable) -> list[_Task]:
        """Takes the oldest tasks that fit into a batch, and leaves out those nobody waits for."""
        lane, rows, tasks = self._lanes[key], 0, []
        while lane.tasks and rows + lane.tasks[0].rows <= self._options.max_batch_size:
            task = lane.tasks.popleft()
            lane.rows -= task.rows
            self._queued_rows[lane.signature] -= task.rows
            if task.answer.set_running_or_notify_cancel() and _is_awaited(task):
                tasks.append(task)
                rows += task.rows
        if not lane.tasks:
            del self._lanes[key]
        if not self._queued_rows[lane.signature]:
            del self._queued_rows[lane.signature]
        return tasks

    def _compute_joined(self, lane: _Lane, tasks: list[_Task]) -> bool:
        """False if the tasks have to run alone."""
        if len(tasks) < 2 and not self._options.allowed_batch_sizes:
            return False
        sizes = [task.rows for task in tasks]
        rows = next((size for size in self._options.allowed_batch_sizes if size >= sum(sizes)), sum(sizes))
        if padding([task.joined for task in tasks]) > MAX_PADDING:
            return False
        try:
            joined = join([task.joined for task in tasks], rows)
            outputs = lane.signature.compute(joined, lane.aliases, _longest_wait(tasks))
            parts = split(outputs, sizes, rows)
        except Exception:  # whose fault it was shows when each runs alone
            return False
        if parts is None:
            return False
        for task, part in zip(tasks, parts, strict=True):
            task.answer.set_result(narrowed(part, task.arrays))
        return True


def _compute_alone(lane: _Lane, task: _Task) -> None:
    if not _is_awaited(task):
        return
    try:
        task.answer.set_result(lane.signature.compute(task.arrays, lane.aliases, task.call.seconds_left()))
    except Exception as error:  # the thread must outlive any failure; the caller hears of it
        task.answer.set_exception(error)


def _longest_wait(tasks: Sequence[_Task]) -> float | None:
    """Seconds until nobody waits any more, None for never."""
    seconds = [task.call.seconds_left() for task in tasks]
    return None if None in seconds else max(left for left in seconds if left is not None)


def _is_awaited(task: _Task) -> bool:
    """Answers a task that nobody waits for with the reason."""
    try:
        task.call.check()
    except RequestError as error:
        task.answer.set_exception(error)
        return False
    return True
