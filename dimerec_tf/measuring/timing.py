"""Times several things side by side."""

from collections.abc import Callable, Mapping
from time import perf_counter

import numpy as np


def medians(parts: Mapping[str, Callable[[int], object]], repeats: int) -> dict[str, float]:
    """Median milliseconds of each part. They take turns, so that what else the machine does meets all of them.

    Args:
        parts: what to time; each is given the number of the repetition.
        repeats: how often.
    """
    times: dict[str, list[float]] = {name: [] for name in parts}
    for number in range(repeats):
        for name, run in parts.items():
            started = perf_counter()
            run(number)
            times[name].append((perf_counter() - started) * 1e3)
    return {name: round(float(np.median(values)), 4) for name, values in times.items()}
