"""Where the evaluation and test periods of a global time split begin."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dimerec_tf.config import ConfigError
from dimerec_tf.config_data import SplitConfig
from dimerec_tf.data.time_units import exact_text
from dimerec_tf.data.times import Times, join_times


@dataclass(frozen=True)
class Boundaries:
    """Scalars of `Times`: evaluation is `[eval_from, test_from)`, test everything from `test_from` on."""

    eval_from: Any
    test_from: Any


@dataclass(frozen=True)
class TimeCounts:
    """How many events there are at each time: distinct times in ascending order `[n]` and their counts `[n]`.

    16 bytes for each distinct time; counts of parts of a log add up in any order.
    """

    times: Times
    counts: NDArray[np.int64]

    @classmethod
    def of(cls, times: Times) -> "TimeCounts":
        return cls(*np.unique(times, return_counts=True))

    @classmethod
    def sum(cls, parts: Sequence["TimeCounts"]) -> "TimeCounts":
        if not parts:
            return cls(np.empty(0, np.int64), np.empty(0, np.int64))
        times, where = np.unique(join_times([part.times for part in parts]), return_inverse=True)
        counts = np.zeros(len(times), np.int64)
        np.add.at(counts, where, np.concatenate([part.counts for part in parts]))
        return cls(times, counts)

    def quantile(self, fraction: float) -> Any:
        """The time, a scalar of `Times`, of the event before which (at most) this fraction of all events lies."""
        up_to = np.cumsum(self.counts)
        position = min(int(fraction * up_to[-1]), int(up_to[-1]) - 1)
        return self.times[np.searchsorted(up_to, position, side="right")]


def resolve_boundaries(split: SplitConfig, events: TimeCounts) -> Boundaries:
    """Turns boundaries below 1 into quantiles of the times of all valid events, exact duplicates included.

    Args:
        split: a `global_time` split.
        events: the log's times; at least one.

    Raises:
        ConfigError: a boundary is negative or outside the log's times, or the evaluation period would be empty.
    """
    first, last = events.times[0], events.times[-1]

    def resolve(name: str, value: float) -> Any:
        if value < 0:
            raise ConfigError(f"data.split.{name} is {value}: a quantile lies between 0 and 1, a timestamp from 1 on.")
        if value < 1:
            return events.quantile(value)
        time = _time_of(value, events.times.dtype)
        if time is None or not first < time <= last:
            raise ConfigError(
                f"data.split.{name} is {value}, and the log's times go from {exact_text(first)} to {exact_text(last)}: "
                f"it has to lie between them, {_how(events.times.dtype)}."
            )
        return time

    boundaries = Boundaries(resolve("eval_from", split.eval_from), resolve("test_from", split.test_from))
    if boundaries.eval_from >= boundaries.test_from:
        raise ConfigError(
            f"data.split.eval_from ({split.eval_from}) is time {exact_text(boundaries.eval_from)} and test_from "
            f"({split.test_from}) is time {exact_text(boundaries.test_from)}: no event lies between them, move them "
            "apart."
        )
    return boundaries


def _time_of(value: float, kind: np.dtype[Any]) -> Any:
    """The first time of a log's kind that is not before a boundary, None if that kind has none so late."""
    if kind.kind == "f":
        return np.float64(value)
    count = math.ceil(Fraction(value) * (10**9 if kind.kind == "M" else 1))
    return np.array(count, np.int64).astype(kind)[()] if count < 2**63 else None


def _how(kind: np.dtype[Any]) -> str:
    return "in seconds since 1970 UTC" if kind.kind == "M" else "in their unit"
