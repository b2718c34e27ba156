"""Periods with equally many events, named for people."""

from bisect import bisect_right
from datetime import datetime, timezone
from typing import NamedTuple

import numpy as np

from dimerec_tf.data.boundaries import TimeCounts

PERIODS = 4
# A time of such a size is taken as seconds, milliseconds or microseconds since 1970, which is later than 1973.
_UNITS = {1: (1e8, 1e11), 1_000: (1e11, 1e14), 1_000_000: (1e14, 1e17)}


class Periods(NamedTuple):
    """Where each period begins, ascending, and its name, like `2 of 4: 1998-01-03 to 1998-02-10`."""

    starts: list[float]
    names: list[str]

    @classmethod
    def of(cls, times: list[float]) -> "Periods":
        """Cuts the events' times at quantiles; fewer than four periods where many events have the same time."""
        if not times:
            return cls([], [])
        events = TimeCounts.of(np.array(times))
        starts = sorted({events.quantile(part / PERIODS) for part in range(PERIODS)})
        ends = [events.times[events.times < start].max().item() for start in starts[1:]] + [events.times[-1].item()]
        names = [
            f"{number} of {len(starts)}: {_text(start)} to {_text(end)}"
            for number, (start, end) in enumerate(zip(starts, ends, strict=True), start=1)
        ]
        return cls(starts, names)

    def name_of(self, time: float) -> str:
        """The period of one of the events that the periods were made of."""
        return self.names[bisect_right(self.starts, time) - 1]


def _text(time: float) -> str:
    """A date, or a number as it is if its unit cannot be told."""
    for unit, (least, limit) in _UNITS.items():
        if least <= time < limit:
            return f"{datetime.fromtimestamp(time / unit, timezone.utc):%Y-%m-%d}"
    return f"{time:g}" if isinstance(time, float) else str(time)
