"""From a log to training, evaluation and test examples, in memory."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dimerec_tf.config_data import DataConfig, SplitConfig
from dimerec_tf.data.boundaries import TimeCounts, resolve_boundaries
from dimerec_tf.data.log_reader import EventBatch, LogError, read_log
from dimerec_tf.data.protocols import UserEvents, UserExample, split_between_users, split_user
from dimerec_tf.data.rejects import RejectedRow, RejectedRows, Summary, reasons_text
from dimerec_tf.data.times import join_times
from dimerec_tf.data.user_events import latest, settle_user


@dataclass(frozen=True)
class Splits:
    """A split log, in the order of the users' first rows; a split between users in the order that it cuts."""

    summary: Summary
    train: list[UserExample] = field(default_factory=list)
    eval: list[UserExample] = field(default_factory=list)
    test: list[UserExample] = field(default_factory=list)


def load_users(data: DataConfig, rejected: RejectedRows) -> tuple[list[UserEvents], TimeCounts]:
    """Reads a whole log into memory, adding the rows set aside and the events cut off to `rejected`.

    Returns:
        The users in the order of their first event, and the times of all valid events, exact duplicates included.

    Raises:
        LogError: the log cannot be read, its times cannot be compared, or it has no valid event.
    """
    batches = []
    for batch in read_log(data):
        rejected.add(batch.rejected)
        rejected.doubt(batch.doubts)
        batches.append(batch)
    if not any(len(batch.rows) for batch in batches):
        raise no_events(data.path, rejected.counts)
    users = []
    for user, duplicates, repeats, cut in _group(batches, data):
        users.append(user)
        rejected.add(duplicates)
        rejected.keep_repeats(repeats)
        rejected.cut(cut)
    return users, TimeCounts.of(join_times([batch.times for batch in batches]))


def load_splits(data: DataConfig, rejected_dir: str | Path | None = None) -> Splits:
    """Reads and splits a log in memory; within users as `SequenceExampleGen` does in a pipeline.

    Args:
        data: where the log is and how to split it.
        rejected_dir: where to write the rows set aside and a summary, if anywhere.

    Raises:
        LogError: as for `load_users`.
        TooManyBadRows: more rows were set aside than `data.max_bad_fraction` allows.
        ConfigError: the boundaries of a time split leave no evaluation period, or users are too few to cut.
    """
    with RejectedRows(rejected_dir) as rejected:
        users, times = load_users(data, rejected)
        summary = rejected.summarise(sum(len(user.items) for user in users))
    summary.tell_doubts()
    summary.check(data.max_bad_fraction, rejected_dir)
    splits = Splits(summary)
    for name, example in _split(users, data.split, times):
        getattr(splits, name).append(example)
    return splits


def no_events(path: str, rejected: dict[str, int]) -> LogError:
    """The error for a log of which nothing can be used."""
    return LogError(f"The log {path} has no valid event; rows set aside: {reasons_text(rejected) or 'none'}.")


def no_examples(data: DataConfig, name: str) -> LogError:
    """The error for a log of which a split gets nothing."""
    return LogError(f"The log {data.path} gives no {name} example ({data.split.protocol}).")


def _split(users: list[UserEvents], split: SplitConfig, times: TimeCounts) -> Iterator[tuple[str, UserExample]]:
    if split.kind in ("sequences", "users"):
        yield from split_between_users(users, split)
    else:
        boundaries = resolve_boundaries(split, times) if split.kind == "global_time" else None
        for user in users:
            yield from split_user(user, boundaries).items()


def _group(batches: list[EventBatch], data: DataConfig) -> Iterator[tuple[UserEvents, list[RejectedRow], int, int]]:
    """Each user's events, the rows that repeat others, how many such were kept, and how many events were cut off."""
    codes, names = pd.factorize(np.concatenate([batch.users for batch in batches]))
    items = np.concatenate([batch.items for batch in batches])
    times = join_times([batch.times for batch in batches])
    rows = np.concatenate([batch.rows for batch in batches])
    starts = np.cumsum([0, *(len(batch.rows) for batch in batches)])
    by_user = np.argsort(codes, kind="stable")
    for name, all_positions in zip(names, np.split(by_user, np.cumsum(np.bincount(codes))[:-1]), strict=True):
        positions = all_positions[latest(times[all_positions], data.max_user_events)]

        def place_of(i: int, positions: NDArray[np.int64] = positions) -> tuple[str, int]:
            place = int(positions[i])
            return batches[int(np.searchsorted(starts, place, side="right")) - 1].file, int(rows[place])

        settled = settle_user(name, items[positions], times[positions], place_of, data)
        yield *settled, len(all_positions) - len(positions)
