"""Where the evaluation and test periods of a global time split begin."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dimerec_tf.config import ConfigError
from dimerec_tf.config_data import SplitConfig
from dimerec_tf.data.times import Times


@dataclass(frozen=True)
class Boundaries:
    """Timestamps: evaluation is `[eval_from, test_from)`, test everything from `test_from` on."""

    eval_from: float
    test_from: float


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
        times, where = np.unique(np.concatenate([part.times for part in parts]), return_inverse=True)
        counts = np.zeros(len(times), np.int64)
        np.add.at(counts, where, np.concatenate([part.counts for part in parts]))
        return cls(times, counts)

    def quantile(self, fraction: float) -> float:
        """The time of the event before which (at most) this fraction of all events lies."""
        up_to = np.cumsum(self.counts)
        position = min(int(fraction * up_to[-1]), int(up_to[-1]) - 1)
        return self.times[np.searchsorted(up_to, position, side="right")].item()


def resolve_boundaries(split: SplitConfig, events: TimeCounts) -> Boundaries:
    """Turns boundaries below 1 into quantiles of the times of all valid events, exact duplicates included.

    Args:
        split: a `global_time` split.
        events: the log's times; at least one.

    Raises:
        ConfigError: a boundary is negative, or the evaluation period would be empty.
    """

    def resolve(name: str, value: float) -> float:
        if value < 0:
            raise ConfigError(f"data.split.{name} is {value}: a quantile lies between 0 and 1, a timestamp from 1 on.")
        return events.quantile(value) if value < 1 else value

    boundaries = Boundaries(resolve("eval_from", split.eval_from), resolve("test_from", split.test_from))
    if boundaries.eval_from >= boundaries.test_from:
        raise ConfigError(
            f"data.split.eval_from ({split.eval_from}) is time {boundaries.eval_from} and test_from "
            f"({split.test_from}) is time {boundaries.test_from}: no event lies between them, move them apart."
        )
    return boundaries
