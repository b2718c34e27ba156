"""What `dimerec data check` says of a log: for programs, and for people."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dimerec_tf.config import DataConfig
from dimerec_tf.data.time_units import day_text, exact_text

if TYPE_CHECKING:
    from dimerec_tf.data.log_check import LogCheck

QUARTILES = ("minimum", "lower quartile", "median", "upper quartile", "maximum")
NAMED = 20  # files that have a row of their own


def as_values(found: "LogCheck", data: DataConfig) -> dict[str, Any]:
    """All of it; an unknown number is None."""
    summary = found.summary
    repeats = summary.repeats_kept + summary.rejected.get("exact duplicate", 0)
    return {
        "files": [
            {"name": name, "bytes": size, "rows": found.file_rows[name]}
            for name, size in zip(found.files.read, found.file_bytes, strict=True)
        ],
        "left_out": [{"name": name, "bytes": size} for name, size in found.left_out.items()],
        "rows": summary.kept + summary.num_rejected + summary.cut_events,
        "events": summary.kept,
        "users": found.users,
        "items": found.items,
        "earliest": exact_text(found.earliest),
        "latest": exact_text(found.latest),
        "events_a_user": dict(zip(QUARTILES, found.events_a_user, strict=True)),
        "users_too_short_to_be_tested": too_short(found, data),
        "repeats": repeats,
        "repeats_kept": summary.repeats_kept,
        "items_without_category": found.without_category,
        "items_without_title": found.without_title,
        "doubtful_ids": dict(summary.doubtful),
        "set_aside": dict(summary.rejected),
        "cut_events": summary.cut_events,
        "cut_users": summary.cut_users,
    }


def too_short(found: "LogCheck", data: DataConfig) -> int | None:
    """Users without a test example, whose events are trained on alone; None for splits between users."""
    return found.users - found.examples["test"] if data.split.kind in ("leave_one_out", "global_time") else None


def as_rows(found: "LogCheck", data: DataConfig) -> Iterator[tuple[str, str]]:
    """What there is and how much of it; nothing that is not there but what is always counted."""
    summary = found.summary
    named = list(zip(found.files.read, found.file_bytes, strict=True))
    for name, size in named[:NAMED]:
        yield f"{Path(name).name}: {size:,} bytes, rows", f"{found.file_rows[name]:,}"
    if len(named) > NAMED:
        yield f"{len(named) - NAMED:,} more files: bytes", f"{sum(size for _, size in named[NAMED:]):,}"
    for name, left in list(found.left_out.items())[:NAMED]:
        yield f"left out: {name}", "" if left is None else f"{left:,} bytes"
    if len(found.left_out) > NAMED:
        yield "left out: more", f"{len(found.left_out) - NAMED:,}"
    yield "rows", f"{summary.kept + summary.num_rejected + summary.cut_events:,}"
    yield "events", f"{summary.kept:,}"
    yield "users", f"{found.users:,}"
    yield "items", f"{found.items:,}"
    yield "earliest", f"{day_text(found.earliest)} ({exact_text(found.earliest)})"
    yield "latest", f"{day_text(found.latest)} ({exact_text(found.latest)})"
    for name, events in zip(QUARTILES, found.events_a_user, strict=True):
        yield f"events a user: {name}", f"{events:,.10g}"
    short = too_short(found, data)
    if short is not None:
        yield "users too short to be tested", f"{short:,}"
    if summary.repeats_kept:
        yield "repeats kept", f"{summary.repeats_kept:,}"
    for what, count in (("category", found.without_category), ("title", found.without_title)):
        if count is not None:
            yield f"items without a {what}", f"{count:,}"
    for what, count in sorted(summary.doubtful.items()):
        yield f"events with {what}", f"{count:,}"
    for reason, count in sorted(summary.rejected.items()):
        yield f"set aside: {reason}", f"{count:,}"
    if summary.cut_users:
        yield f"cut off: beyond {data.max_user_events:,} of a user", f"{summary.cut_events:,}"
        yield "users cut", f"{summary.cut_users:,}"
