"""Runs of a graph end with their callers' patience."""

from collections.abc import Iterator
from contextlib import contextmanager
from math import inf
from time import perf_counter
from typing import Any

from tensorflow.core.protobuf import config_pb2

from serving.server.c_api import quick

_MARGIN = 4.0  # how many times longer than expected a run may take
_FADING = 0.99  # of what was expected, from run to run: one slow run is not held against a graph for ever


def _buffer(options: config_pb2.RunOptions) -> Any:
    content = options.SerializeToString()
    return quick.TF_NewBufferFromString(content, len(content))


# The thread that calls computes: as many calls run at once as there are threads, so that handing the parts of one to
# others only costs. But TensorFlow stops such a run at no deadline.
_IN_THIS_THREAD = _buffer(config_pb2.RunOptions(inter_op_thread_pool=-1))


class Pace:
    """How long the runs of one graph take, and so which of them might outlast their caller."""

    def __init__(self) -> None:
        self._longest = self._longest_per_cell = inf  # unknown so far

    @contextmanager
    def options(self, cells: int, seconds: float | None) -> Iterator[Any]:
        """TensorFlow's options, a `TF_Buffer`, for the run in the block.

        A run that is likely to end in time is computed by the thread that calls. Any other is left to TensorFlow's
        threads, which takes a little longer and stops when the time is over.

        Args:
            cells: values that the run takes.
            seconds: that somebody waits for it; None for ever.
        """
        expected = max(self._longest, self._longest_per_cell * max(1, cells))
        started = perf_counter()
        try:
            if seconds is None or _MARGIN * expected < seconds:
                yield _IN_THIS_THREAD
            else:
                with _stopping_after(seconds) as options:
                    yield options
        except BaseException:
            self._learn(perf_counter() - started, max(1, cells), 1.0)
            raise
        self._learn(perf_counter() - started, max(1, cells), _FADING)

    def _learn(self, seconds: float, cells: int, fading: float) -> None:
        """Without fading only a run that took longer than expected teaches something: a refusal may be quick."""
        if fading < 1.0 and self._longest == inf:
            self._longest, self._longest_per_cell = seconds, seconds / cells
        self._longest = max(seconds, fading * self._longest)
        self._longest_per_cell = max(seconds / cells, fading * self._longest_per_cell)


@contextmanager
def _stopping_after(seconds: float) -> Iterator[Any]:
    options = _buffer(config_pb2.RunOptions(timeout_in_ms=max(1, int(1000 * seconds))))  # 0 would be no limit
    try:
        yield options
    finally:
        quick.TF_DeleteBuffer(options)
