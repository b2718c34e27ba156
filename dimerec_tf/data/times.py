"""Columns of times: numbers of any unit, or moments, which are kept as nanoseconds since 1970 UTC."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dimerec_tf.data.time_numbers import INT64_MAX, parse_floats, parse_number_texts
from dimerec_tf.data.time_texts import MOMENT, NUMBER, matches, parse_moments, trimmed

# int64 or float64 for numbers, datetime64[ns] for moments: dates, timestamps and ISO 8601 text
Times = NDArray[Any]
NANOSECONDS = np.dtype("datetime64[ns]")
_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


@dataclass(frozen=True)
class ParsedTimes:
    """A column's times `[n]`, 0 where there is none, and masks `[n]`.

    `moments` are those that are no numbers. If there are both, nanoseconds and numbers stand side by side: the log
    that they belong to is refused, see `comparable`.
    """

    times: Times
    moments: NDArray[np.bool_]
    unparsable: NDArray[np.bool_]
    out_of_range: NDArray[np.bool_]


def parse_times(column: pa.Array) -> ParsedTimes:
    """Reads a column of times of any Arrow type that can be one.

    Text without a zone, and dates, are taken as UTC. Moments are exact to the nanosecond, of which 64 bits hold those
    of the years 1678 to 2261. Whole numbers are exact if they fit into 64 bits.

    Raises:
        CoarseTimes: floats or decimal numbers that cannot tell neighbouring times apart.
        ValueError: the column's type cannot be a time.
    """
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_null(kind):
        return _parse_texts(column.cast(pa.string()))
    if pa.types.is_decimal(kind):
        texts = [None if value is None else f"{value:f}" for value in column.to_pylist()]
        return _parse_texts(pa.array(texts, pa.string()))
    numbers = np.zeros(len(column), bool)
    if pa.types.is_floating(kind):
        times, unparsable, beyond = parse_floats(column.to_numpy(zero_copy_only=False))
        return ParsedTimes(times, numbers, unparsable, beyond)
    missing = column.is_null().to_numpy(zero_copy_only=False)
    if pa.types.is_integer(kind):
        counts = column.fill_null(0).to_numpy(zero_copy_only=False)
        beyond = counts > INT64_MAX
        return ParsedTimes(np.where(beyond, 0, counts).astype(np.int64), numbers, missing, beyond)
    counts, unit = _counted(column)
    limit = INT64_MAX // unit
    beyond = (counts > limit) | (counts < -limit)
    return ParsedTimes((np.where(beyond, 0, counts) * unit).view(NANOSECONDS), ~numbers, missing, beyond)


def join_times(parts: Sequence[Times]) -> Times:
    """One array. Moments beside numbers, whose log is refused once all of it is read, count as their nanoseconds."""
    parts = [part for part in parts if len(part)] or list(parts[:1])
    if len({part.dtype.kind == "M" for part in parts}) > 1:
        parts = [part.view(np.int64) if part.dtype.kind == "M" else part for part in parts]
    return np.concatenate(parts)


def _counted(column: pa.Array) -> tuple[NDArray[np.int64], int]:
    """Timestamps or dates as whole numbers of a unit, which is so many nanoseconds."""
    kind = column.type
    if pa.types.is_timestamp(kind):
        counts, unit = column.cast(pa.int64()), 10**9 // _PER_SECOND[kind.unit]
    elif pa.types.is_date32(kind):
        counts, unit = column.cast(pa.int32()).cast(pa.int64()), 86400 * 10**9
    elif pa.types.is_date64(kind):
        counts, unit = column.cast(pa.int64()), 10**6
    else:
        raise ValueError(f"type {kind} cannot be a time: numbers, timestamps or ISO 8601 text can")
    return counts.fill_null(0).to_numpy(zero_copy_only=False), unit


def _parse_texts(column: pa.Array) -> ParsedTimes:
    texts = trimmed(column)
    number, moment = matches(texts, NUMBER), matches(texts, MOMENT)
    unparsable, beyond = ~(number | moment), np.zeros(len(texts), bool)
    times, beyond[number] = parse_number_texts(texts, number)
    if moment.any():
        moments, unparsable[moment], beyond[moment] = parse_moments(texts.filter(pa.array(moment)))
        if number.any():
            times[moment] = moments.view(np.int64)
        else:
            times = np.zeros(len(texts), NANOSECONDS)
            times[moment] = moments
    return ParsedTimes(times, moment, unparsable, beyond)
