"""Whether the times of a log can be compared: of one kind and one unit, in all its files."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dimerec_tf.data.time_units import UNITS, exact_text, size_classes
from dimerec_tf.data.times import NANOSECONDS, Times

MOMENT, NUMBER, FRACTION, LARGE = "a date and time", "a number", "a fraction", "a number of more than 53 bits"
_LARGEST = 2**53  # up to here a 64-bit float holds every whole number


class Event(NamedTuple):
    """Where an event stands, and its time as text."""

    file: str
    row: int
    time: str


Marks = Mapping[str | int, Event]
"""What the times of some events are, each with the first event that has such a one.

Keys are `MOMENT`, `NUMBER`, `FRACTION`, `LARGE` and classes of `size_classes`.
"""


def marks_of(file: str, rows: NDArray[np.int64], times: Times, moments: NDArray[np.bool_]) -> Marks:
    """The marks of a file's events, `[n]` each in the order of their rows."""
    marks: dict[str | int, Event] = {}

    def mark(kind: str | int, which: NDArray[np.bool_]) -> None:
        if which.any():
            first = int(np.argmax(which))
            time = times[first].astype(NANOSECONDS) if kind == MOMENT else times[first]
            marks[kind] = Event(file, int(rows[first]), exact_text(time))

    mark(MOMENT, moments)
    mark(NUMBER, ~moments)
    if NUMBER in marks:
        numbers = np.where(moments, np.zeros((), times.dtype), times)
        if times.dtype.kind == "f":
            mark(FRACTION, numbers != np.floor(numbers))
        mark(LARGE, np.abs(numbers) > _LARGEST)
        sizes = size_classes(numbers)
        for size in np.flatnonzero(np.bincount(sizes[~moments])).tolist():
            mark(size, ~moments & (sizes == size))
    return marks


def join_marks(parts: Iterable[Marks]) -> Marks:
    """The marks of all; the order of the parts does not matter."""
    joined: dict[str | int, Event] = {}
    for part in parts:
        for kind, event in part.items():
            joined[kind] = min(event, joined.get(kind, event))
    return joined


def conflict(marks: Marks) -> str | None:
    """Why times cannot be compared, a sentence that names two events, or None if they can.

    Numbers are of different units if their sizes are those of two, like seconds and milliseconds since 1970, and of
    those between there is none. A log that counts from its own beginning passes through all of them.
    """
    units = [size for size in UNITS if size in marks]
    between = range(units[0] + 1, units[-1], 2) if units else ()
    mixed = [] if all(size in marks for size in between) else units
    for kinds in ((MOMENT, NUMBER), mixed, (FRACTION, LARGE)):
        found = sorted((marks[kind], kind) for kind in kinds if kind in marks)
        if len(found) > 1:
            (first, one), (second, other) = found[:2]
            return sentence(
                f"{first.file} has {_name(one)} in row {first.row} ({first.time}), {second.file} has {_name(other)} in "
                f"row {second.row} ({second.time})"
            )
    return None


def sentence(found: str) -> str:
    """What people read about times that cannot be compared."""
    return (
        f"The times of the log cannot be compared: {found}. Write all of them in one way: as whole numbers of one unit "
        "or as ISO 8601 text."
    )


def _name(kind: str | int) -> str:
    return kind if isinstance(kind, str) else f"{UNITS[kind]} since 1970"
