"""Numbers that are times: exact, or refused where a float is too coarse to tell neighbouring ones apart."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

INT64_MAX = 2**63 - 1
Mask = NDArray[np.bool_]

_LIMIT = 2.0**63
_WHOLE = r"^-?\d+(\.0*)?$"
_SAFE_CHARACTERS = 15  # decimal digits that any 64-bit float keeps
_SINCE_1970 = 1e8  # from here on a number may be seconds, or a smaller unit, since 1970


class CoarseTimes(ValueError):
    """Times that cannot be told apart: what they are, at which positions of their column, and why."""

    def __init__(self, what: str, positions: Sequence[int], why: str) -> None:
        super().__init__(f"{what}, {why}")
        self.what, self.positions, self.why = what, positions, why


def parse_floats(values: NDArray[np.floating[Any]]) -> tuple[NDArray[Any], Mask, Mask]:
    """Takes the floats of a column, NaN where there is none.

    Returns:
        Times `[n]`, int64 if all are whole, else float64; which are not finite; which need more than 64 bits.

    Raises:
        CoarseTimes: such floats lie more than 1 apart, or the two nearest times are as near as 32-bit floats can be.
    """
    finite = np.isfinite(values)
    beyond = finite & (np.abs(values) >= _LIMIT)
    sound = np.where(finite & ~beyond, values, np.zeros((), values.dtype))
    _check_spacing(sound, np.flatnonzero(finite & ~beyond))
    return _whole_if_possible(sound.astype(np.float64)), ~finite, beyond


def parse_number_texts(texts: pa.Array, chosen: Mask) -> tuple[NDArray[Any], Mask]:
    """Reads the chosen texts, which match `NUMBER`.

    Returns:
        Times `[n]`, 0 where nothing was chosen, int64 if all are whole, else float64; and of the chosen ones, which
        need more than 64 bits.

    Raises:
        CoarseTimes: a decimal number has more digits than a float keeps, or fewer than its size needs.
    """
    positions = np.flatnonzero(chosen)
    texts = texts.filter(pa.array(chosen))
    whole = pc.match_substring_regex(texts, _WHOLE).to_numpy(zero_copy_only=False)
    values, beyond = np.zeros(len(texts), np.int64), np.zeros(len(texts), bool)
    values[whole], beyond[whole] = _parse_whole(texts.filter(pa.array(whole)))
    if not whole.all():
        decimals, beyond[~whole] = _parse_decimals(texts.filter(pa.array(~whole)), positions[~whole])
        values = values.astype(decimals.dtype)
        values[~whole] = decimals
    times = np.zeros(len(chosen), values.dtype)
    times[chosen] = values
    return times, beyond


def _parse_whole(texts: pa.Array) -> tuple[NDArray[np.int64], Mask]:
    texts = pc.replace_substring_regex(texts, r"\.0*$", "")
    try:
        return texts.cast(pa.int64()).to_numpy(zero_copy_only=False), np.zeros(len(texts), bool)
    except pa.ArrowInvalid:
        numbers = [int(text) for text in texts.to_pylist()]
    beyond = np.array([abs(number) > INT64_MAX for number in numbers])
    return np.array([0 if abs(number) > INT64_MAX else number for number in numbers], np.int64), beyond


def _parse_decimals(texts: pa.Array, positions: NDArray[np.int64]) -> tuple[NDArray[Any], Mask]:
    values = texts.cast(pa.float64()).to_numpy(zero_copy_only=False)
    beyond = ~(np.abs(values) < _LIMIT)
    doubtful = pc.greater(pc.utf8_length(texts), _SAFE_CHARACTERS).to_numpy(zero_copy_only=False)
    doubtful |= pc.match_substring_regex(texts, "[eE]").to_numpy(zero_copy_only=False)
    for i in np.flatnonzero(doubtful & ~beyond).tolist():
        _check_decimal(texts[i].as_py(), float(values[i]), int(positions[i]))
    return _whole_if_possible(np.where(beyond, 0.0, values)), beyond


def _check_decimal(text: str, value: float, position: int) -> None:
    number = Decimal(text)
    place, last = number.as_tuple().exponent, number.normalize().as_tuple().exponent
    assert isinstance(place, int) and isinstance(last, int), "it is finite"
    if place > 0 and abs(value) >= _SINCE_1970:
        raise CoarseTimes(text, [position], f"rounded to {10**place:,}")
    if Decimal(f"{value:.{max(-last, 0)}f}") != number:
        raise CoarseTimes(text, [position], "more digits than a 64-bit float holds")


def _check_spacing(values: NDArray[np.floating[Any]], positions: NDArray[np.int64]) -> None:
    if not len(positions):
        return
    positions = positions[np.argsort(values[positions], kind="stable")]
    ordered = values[positions]
    spacings = np.spacing(np.abs(ordered)).astype(np.float64)
    gaps = np.diff(ordered.astype(np.float64))
    coarse = spacings > 1
    if values.dtype.itemsize < 8 and (ordered != np.floor(ordered)).any():
        coarse[1:] |= (gaps > 0) & (gaps <= spacings[1:])
    if not coarse.any():
        return
    nearest = np.concatenate([[np.inf], gaps])
    last = int(np.argmin(np.where(coarse, nearest, np.inf))) if coarse[1:].any() else int(np.argmax(coarse))
    rows = [int(position) for position in positions[max(last - 1, 0) : last + 1]]
    what = f"{8 * values.dtype.itemsize}-bit floats like {float(ordered[last])!r}"
    raise CoarseTimes(what, rows, f"where such floats lie {spacings[last]:g} apart")


def _whole_if_possible(values: NDArray[np.float64]) -> NDArray[Any]:
    return values.astype(np.int64) if (values == np.floor(values)).all() else values
