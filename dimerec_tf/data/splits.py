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
from dimerec_tf.data.rejects import DUPLICATE, RejectedRow, RejectedRows, Summary
from dimerec_tf.data.times import Times


@dataclass(frozen=True)
class Splits:
    """A split log, in the order of the users' first rows; a split between users in the order that it cuts."""

    summary: Summary
    train: list[UserExample] = field(default_factory=list)
    eval: list[UserExample] = field(default_factory=list)
    test: list[UserExample] = field(default_factory=list)


def order_events(user_id: str, items: NDArray[np.object_], times: Times) -> tuple[UserEvents, NDArray[np.int64]]:
    """Puts a user's events in time order and drops those that repeat an item at the same time.

    Args:
        user_id: whose events they are.
        items: item ids `[n]` in file order.
        times: their times `[n]`.

    Returns:
        The events kept, and the positions in `items` of those dropped.
    """
    order = np.argsort(times, kind="stable")
    times = times[order]
    dropped = order[:0]
    if (times[1:] == times[:-1]).any():
        repeated = pd.Series(list(zip(items[order], times.tolist(), strict=True))).duplicated().to_numpy()
        dropped, order, times = order[repeated], order[~repeated], times[~repeated]
    return UserEvents(user_id, items[order].tolist(), times), dropped


def latest(times: Times, limit: int) -> NDArray[np.bool_]:
    """Which of a user's events, `[n]` in file order, are the latest `limit`; of equal times those later in the file."""
    kept = np.zeros(len(times), bool)
    kept[np.argsort(times, kind="stable")[-limit:]] = True
    return kept


def load_users(data: DataConfig, rejected: RejectedRows) -> tuple[list[UserEvents], TimeCounts]:
    """Reads a whole log into memory, adding the rows set aside and the events cut off to `rejected`.

    Returns:
        The users in the order of their first event, and the times of all valid events, exact duplicates included.

    Raises:
        LogError: the log cannot be read or has no valid event.
    """
    batches = []
    for batch in read_log(data):
        rejected.add(batch.rejected)
        batches.append(batch)
    if not any(len(batch.rows) for batch in batches):
        raise no_events(data.path, rejected.counts)
    users = []
    for user, duplicates, cut in _group(batches, data):
        users.append(user)
        rejected.add(duplicates)
        rejected.cut(cut)
    return users, TimeCounts.of(np.concatenate([batch.times for batch in batches]))


def load_splits(data: DataConfig, rejected_dir: str | Path | None = None) -> Splits:
    """Reads and splits a log in memory; within users as `SequenceExampleGen` does in a pipeline.

    Args:
        data: where the log is and how to split it.
        rejected_dir: where to write the rows set aside and a summary, if anywhere.

    Raises:
        LogError: the log cannot be read or has no valid event.
        TooManyBadRows: more rows were set aside than `data.max_bad_fraction` allows.
        ConfigError: the boundaries of a time split leave no evaluation period, or users are too few to cut.
    """
    with RejectedRows(rejected_dir) as rejected:
        users, times = load_users(data, rejected)
        summary = rejected.summarise(sum(len(user.items) for user in users))
    summary.check(data.max_bad_fraction, rejected_dir)
    splits = Splits(summary)
    for name, example in _split(users, data.split, times):
        getattr(splits, name).append(example)
    return splits


def no_events(path: str, rejected: dict[str, int]) -> LogError:
    """The error for a log of which nothing can be used."""
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in sorted(rejected.items())) or "none"
    return LogError(f"The log {path} has no valid event; rows set aside: {reasons}.")


def no_examples(data: DataConfig, name: str) -> LogError:
    """The error for a log of which a split gets nothing."""
    return LogError(f"The log {data.path} gives no {name} example ({data.split.protocol}).")


def duplicate_row(user_id: str, item: str, time: float, file: str, row: int, data: DataConfig) -> RejectedRow:
    """The record of a row that repeats an earlier one."""
    values = {data.user_column: user_id, data.item_column: item, data.time_column: str(time)}
    return RejectedRow(file, row, DUPLICATE, values)


def _split(users: list[UserEvents], split: SplitConfig, times: TimeCounts) -> Iterator[tuple[str, UserExample]]:
    if split.kind in ("sequences", "users"):
        yield from split_between_users(users, split)
    else:
        boundaries = resolve_boundaries(split, times) if split.kind == "global_time" else None
        for user in users:
            yield from split_user(user, boundaries).items()


def _group(batches: list[EventBatch], data: DataConfig) -> Iterator[tuple[UserEvents, list[RejectedRow], int]]:
    """Each user's events, those that repeat others, and how many were cut off."""
    codes, names = pd.factorize(np.concatenate([batch.users for batch in batches]))
    items = np.concatenate([batch.items for batch in batches])
    times = np.concatenate([batch.times for batch in batches])
    rows = np.concatenate([batch.rows for batch in batches])
    starts = np.cumsum([0, *(len(batch.rows) for batch in batches)])
    by_user = np.argsort(codes, kind="stable")
    for name, all_positions in zip(names, np.split(by_user, np.cumsum(np.bincount(codes))[:-1]), strict=True):
        positions = all_positions[latest(times[all_positions], data.max_user_events)]
        user, dropped = order_events(name, items[positions], times[positions])
        duplicates = []
        for i in positions[dropped].tolist():
            file = batches[int(np.searchsorted(starts, i, side="right")) - 1].file
            duplicates.append(duplicate_row(name, items[i], times[i].item(), file, int(rows[i]), data))
        yield user, duplicates, len(all_positions) - len(positions)
