"""Rows set aside: why, where they came from, and how many of them a run may bear."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from dimerec_tf.data.log_files import NOTICES
from dimerec_tf.errors import DimeRecError
from dimerec_tf.whole_files import write_text

MISSING_USER = "missing user id"
MISSING_ITEM = "missing item id"
BROKEN_ITEM = "line break in item id"
NUL_BYTE = "NUL byte in an id"
BAD_TIME = "unparsable time"
TIME_OUT_OF_RANGE = "time outside the years 1678 to 2261 or of more than 64 bits"
WRONG_FIELDS = "wrong number of fields"
NOT_UTF8 = "not UTF-8 text"
DUPLICATE = "exact duplicate"

REJECTED_FILE = "rejected.jsonl"
SUMMARY_FILE = "summary.json"


class TooManyBadRows(DimeRecError, ValueError):
    """More of the log was set aside than `data.max_bad_fraction` allows."""


@dataclass(frozen=True)
class RejectedRow:
    """A row that is no event. `row` counts a text file's lines (its header is 1), or a Parquet file's rows from 1."""

    file: str
    row: int
    reason: str
    values: Mapping[str, str | None]

    def to_json(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False)


@dataclass(frozen=True)
class Summary:
    """What became of a log: events kept, rows set aside by reason, and events cut off from users with too many.

    `repeats_kept` of the events kept repeat another's user, item and time, see `data.repeats`. `doubtful` counts
    events with ids that may be mistakes.
    """

    kept: int
    rejected: Mapping[str, int]
    cut_users: int = 0
    cut_events: int = 0
    repeats_kept: int = 0
    doubtful: Mapping[str, int] = field(default_factory=dict)

    @property
    def num_rejected(self) -> int:
        return sum(self.rejected.values())

    def sentence(self) -> str:
        """What people read about it."""
        parts = [f"{self.kept:,} events"]
        if self.repeats_kept:
            parts.append(f"{self.repeats_kept:,} of them with the user, item and time of another (data.repeats: keep)")
        if self.rejected:
            parts.append(f"set aside: {reasons_text(self.rejected)}")
        if self.cut_events:
            parts.append(f"cut off: {self.cut_events:,} of {self.cut_users:,} users beyond data.max_user_events")
        return "; ".join(parts)

    def to_json(self) -> str:
        values: dict[str, Any] = {
            "rows_read": self.kept + self.num_rejected + self.cut_events,
            "kept": self.kept,
            "rejected": dict(self.rejected),
            "cut_users": self.cut_users,
            "cut_events": self.cut_events,
            "repeats_kept": self.repeats_kept,
        }
        if self.doubtful:
            values["doubtful"] = dict(self.doubtful)
        return json.dumps(values, indent=2, sort_keys=True) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "Summary":
        values = json.loads(text)
        values.pop("rows_read")
        return cls(**values)

    def tell_doubts(self) -> None:
        """Tells people of ids that may be mistakes, if there are any."""
        if self.doubtful:
            said = "; ".join(f"{count:,} events with {what}" for what, count in sorted(self.doubtful.items()))
            NOTICES.warning("Ids that may be mistakes are taken as they stand: %s.", said)

    def check(self, max_bad_fraction: float, where: str | Path | None) -> None:
        """Refuses a log with too many bad rows; `where` is the directory with the rows set aside, if there is one.

        Raises:
            TooManyBadRows: more than `max_bad_fraction` of all rows were set aside.
        """
        total = self.kept + self.num_rejected + self.cut_events
        if self.num_rejected <= max_bad_fraction * total:
            return
        place = f"; see {where}/{REJECTED_FILE}" if where else ""
        repeats = " data.repeats: keep keeps the duplicates." if DUPLICATE in self.rejected else ""
        raise TooManyBadRows(
            f"{self.num_rejected:,} of {total:,} rows ({self.num_rejected / total:.2%}) were set aside "
            f"({reasons_text(self.rejected)}), more than data.max_bad_fraction, {max_bad_fraction:.2%}, allows{place}."
            f"{repeats}"
        )


class RejectedRows:
    """Counts rows set aside, repeats kept and events cut off; given a directory, writes the first there as JSON lines.

    A context manager.
    """

    def __init__(self, directory: str | Path | None = None) -> None:
        self.counts: Counter[str] = Counter()
        self.doubtful: Counter[str] = Counter()
        self.cut_users = self.cut_events = self.repeats_kept = 0
        self.directory = None if directory is None else Path(directory)
        self._stream: IO[str] | None = None

    def __enter__(self) -> "RejectedRows":
        if self.directory:
            self.directory.mkdir(parents=True, exist_ok=True)
            self._stream = (self.directory / REJECTED_FILE).open("w", encoding="utf-8")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._stream:
            self._stream.close()

    def add(self, rows: Iterable[RejectedRow]) -> None:
        for row in rows:
            self.counts[row.reason] += 1
            if self._stream:
                self._stream.write(row.to_json() + "\n")

    def cut(self, events: int) -> None:
        """Counts what a user has beyond `data.max_user_events`, if anything."""
        self.cut_users += events > 0
        self.cut_events += events

    def doubt(self, events: Mapping[str, int]) -> None:
        """Counts events with ids that may be mistakes."""
        self.doubtful.update(events)

    def keep_repeats(self, events: int) -> None:
        """Counts what repeats another event of a user and is kept."""
        self.repeats_kept += events

    def summarise(self, kept: int) -> Summary:
        """The summary, also written beside the rows."""
        counts, doubtful = dict(self.counts), dict(self.doubtful)
        summary = Summary(kept, counts, self.cut_users, self.cut_events, self.repeats_kept, doubtful)
        if self.directory:
            write_text(self.directory / SUMMARY_FILE, summary.to_json())
        return summary


def reasons_text(reasons: Mapping[str, int]) -> str:
    """How many rows were set aside for which reason."""
    return ", ".join(f"{count:,} {reason}" for reason, count in sorted(reasons.items()))
