"""Times of events: numbers of any unit, or ISO 8601 text as seconds since 1970 UTC."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Times = NDArray[np.number]  # int64 or float64

_NUMBER = r"^-?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
_ISO_8601 = r"^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}(:?\d{2})?)?)?$"


def parse_times(column: pa.Array) -> tuple[Times, NDArray[np.bool_]]:
    """Reads a column of times of any Arrow type that can be one.

    Text without a zone, and dates, are taken as UTC; times of day are kept to the microsecond. Whole numbers stay
    exact 64-bit integers when all valid times of the column are such.

    Returns:
        Times `[n]`, int64 or float64, and which of them are valid `[n]`; an invalid one is 0.

    Raises:
        ValueError: the column's type cannot be a time.
    """
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _parse_texts(pc.utf8_trim_whitespace(pc.fill_null(column, "")))
    valid = column.is_valid().to_numpy(zero_copy_only=False)
    if pa.types.is_integer(kind):
        return _integers(pc.fill_null(column, 0)), valid
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return _finite(_as_numpy(pc.fill_null(column.cast(pa.float64()), np.nan)))
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        micros = column.cast(pa.timestamp("us", getattr(kind, "tz", None)), safe=False).cast(pa.int64())
        return _as_numpy(pc.fill_null(micros, 0)) / 1e6, valid
    raise ValueError(f"type {kind} cannot be a time: numbers, timestamps or ISO 8601 text can")


def _parse_texts(texts: pa.Array) -> tuple[Times, NDArray[np.bool_]]:
    try:
        return _as_numpy(texts.cast(pa.int64())), np.ones(len(texts), bool)
    except pa.ArrowInvalid:
        is_number = _as_numpy(pc.match_substring_regex(texts, _NUMBER))
        is_iso = _as_numpy(pc.match_substring_regex(texts, _ISO_8601))
    numbers = _integers(texts.filter(pa.array(is_number)))
    times = np.zeros(len(texts), np.float64 if is_iso.any() else numbers.dtype)
    times[is_number] = numbers
    if is_iso.any():
        times[is_iso] = _seconds(texts.filter(pa.array(is_iso)))
    finite, valid = _finite(times)
    return finite, valid & (is_number | is_iso)


def _seconds(texts: pa.Array) -> NDArray[np.float64]:
    moments = pd.to_datetime(pd.Series(texts.to_pandas(), dtype=object), errors="coerce", utc=True)
    micros = moments.to_numpy("datetime64[ns]").astype("datetime64[us]")
    return np.where(np.isnat(micros), np.nan, micros.astype(np.int64) / 1e6)


def _integers(column: pa.Array) -> Times:
    """64-bit integers if every value is one, else floats."""
    try:
        return _as_numpy(column.cast(pa.int64()))
    except pa.ArrowInvalid:
        return _as_numpy(column.cast(pa.float64()))


def _finite(times: Times) -> tuple[Times, NDArray[np.bool_]]:
    valid = np.isfinite(times)
    return np.where(valid, times, np.zeros((), times.dtype)), valid


def _as_numpy(column: pa.Array) -> NDArray:
    return column.to_numpy(zero_copy_only=False)
