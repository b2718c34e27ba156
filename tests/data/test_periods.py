"""Periods of time and their names."""

from collections import Counter

import numpy as np
import pytest

from dimerec_tf.data.periods import Periods


@pytest.mark.parametrize(
    ("times", "names"),
    [
        ([5, 1, 9, 13], ["1 of 4: 1 to 1", "2 of 4: 5 to 5", "3 of 4: 9 to 9", "4 of 4: 13 to 13"]),
        ([0.5, 0.25], ["1 of 2: 0.25 to 0.25", "2 of 2: 0.5 to 0.5"]),
        ([7] * 9, ["1 of 1: 7 to 7"]),
        ([1e9, 1e9 + 1], ["1 of 2: 2001-09-09 to 2001-09-09", "2 of 2: 2001-09-09 to 2001-09-09"]),
        ([10**12], ["1 of 1: 2001-09-09 to 2001-09-09"]),
        ([10**15], ["1 of 1: 2001-09-09 to 2001-09-09"]),
        # the last nanosecond of a day, which as a 64-bit float is the next day
        ([1767484799999999999], ["1 of 1: 2026-01-03 to 2026-01-03"]),
        ([np.datetime64(1767484799999999999, "ns")], ["1 of 1: 2026-01-03 to 2026-01-03"]),
        ([], []),
    ],
)
def test_names_say_from_when_to_when(times: list[float], names: list[str]) -> None:
    assert Periods.of(times).names == names


def test_periods_hold_equally_many_whatever_the_order() -> None:
    times = np.random.default_rng(3).permutation(4000).tolist()
    periods = Periods.of(times)
    assert Counter(periods.name_of(time) for time in times) == dict.fromkeys(periods.names, 1000)


def test_the_same_time_is_never_in_two_periods() -> None:
    times = [1] * 60 + [2] * 30 + [3] * 10
    periods = Periods.of(times)
    assert periods.names == ["1 of 3: 1 to 1", "2 of 3: 2 to 2", "3 of 3: 3 to 3"] or len(periods.names) == 2
    assert len({periods.name_of(time) for time in times}) == len(periods.names)
