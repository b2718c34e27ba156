"""Periods with equally many events, named for people."""

from bisect import bisect_right
from typing import Any, NamedTuple

import numpy as np

from dimerec_tf.data.boundaries import TimeCounts
from dimerec_tf.data.time_units import day_text

PERIODS = 4


class Periods(NamedTuple):
    """Where each begins (scalars of `Times`), ascending, and its name, like `2 of 4: 1998-01-03 to 1998-02-10`."""

    starts: list[Any]
    names: list[str]

    @classmethod
    def of(cls, times: list[Any]) -> "Periods":
        """Cuts the events' times at quantiles; fewer than four periods where many events have the same time."""
        if not times:
            return cls([], [])
        events = TimeCounts.of(np.array(times))
        starts = sorted({events.quantile(part / PERIODS) for part in range(PERIODS)})
        ends = [events.times[events.times < start].max() for start in starts[1:]] + [events.times[-1]]
        names = [
            f"{number} of {len(starts)}: {day_text(start)} to {day_text(end)}"
            for number, (start, end) in enumerate(zip(starts, ends, strict=True), start=1)
        ]
        return cls(starts, names)

    def name_of(self, time: Any) -> str:
        """The period of one of the events that the periods were made of."""
        return self.names[bisect_right(self.starts, time) - 1]
