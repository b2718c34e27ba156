"""Which unit a number counts since 1970, as far as its size tells, and times written for people."""

from typing import Any

import numpy as np

from dimerec_tf.data.times import Times

# Up to which size a number is of none, seconds, something between, milliseconds, and so on; seconds from 1973 to 2286.
_BOUNDS = np.array([10**8, 10**10, 10**11, 10**13, 10**14, 10**16, 10**17])
UNITS = {1: "seconds", 3: "milliseconds", 5: "microseconds", 7: "nanoseconds"}
_CODES = ("s", "ms", "us", "ns")


def size_classes(numbers: Times) -> np.ndarray:
    """Of numbers `[n]`: 0 is too small to tell, a key of `UNITS` that unit since 1970, an even one lies between two."""
    return np.searchsorted(_BOUNDS, np.abs(numbers), side="right")


def exact_text(time: Any) -> str:
    """A time (a scalar of `Times`) as a log may have it: a number, or ISO 8601 with as much of it as is not zero."""
    if isinstance(time, np.datetime64):
        text = str(np.datetime_as_string(time, "ns")).rstrip("0").rstrip(".")
        seconds = str(np.datetime_as_string(time, "s"))
        return f"{text if len(text) > len(seconds) else seconds}Z"
    value = np.asarray(time).item()
    return str(int(value)) if value == int(value) else repr(value)


def time_text(time: Any) -> str:
    """A time as people read it: `2026-01-03 10:00:00 UTC`, behind a number if that is one, or the number alone if its
    size tells no unit.
    """
    moment = _moment(time)
    if moment is None:
        return exact_text(time)
    text = f"{np.datetime_as_string(moment, 's').replace('T', ' ')} UTC"
    return text if isinstance(time, np.datetime64) else f"{exact_text(time)} ({text})"


def day_text(time: Any) -> str:
    """The day of a time, `2026-01-03`, or the number if its size tells no unit."""
    moment = _moment(time)
    return exact_text(time) if moment is None else str(np.datetime_as_string(moment, "D"))


def _moment(time: Any) -> np.datetime64 | None:
    if isinstance(time, np.datetime64):
        return time
    value = np.asarray(time).item()
    size = int(size_classes(np.array([value]))[0])
    return np.datetime64(int(value // 1), _CODES[(size - 1) // 2]) if size and value > 0 else None
