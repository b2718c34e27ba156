"""Times several things side by side."""

from collections.abc import Callable, Mapping
from random import Random
from time import perf_counter

import numpy as np


def medians(parts: Mapping[str, Callable[[int], object]], repeats: int) -> dict[str, float]:
    """Median milliseconds of each part.

    They take turns, so that what else the machine does meets all of them, in an order that changes each time, so that
    what one leaves in the processor's caches meets all others.

    Args:
        parts: what to time; each is given the number of the repetition.
        repeats: how often.
    """
    times: dict[str, list[float]] = {name: [] for name in parts}
    random, order = Random(0), list(parts)
    for number in range(repeats):
        random.shuffle(order)
        for name in order:
            started = perf_counter()
            parts[name](number)
            times[name].append((perf_counter() - started) * 1e3)
    return {name: round(float(np.median(values)), 4) for name, values in times.items()}
