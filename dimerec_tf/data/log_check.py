"""What a person needs to know of a log before a model is trained on it; nothing is kept of it but counts and ids."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from dimerec_tf.config_data import DataConfig
from dimerec_tf.data.boundaries import TimeCounts, resolve_boundaries
from dimerec_tf.data.event_spool import PIECES, EventSpool, Piece
from dimerec_tf.data.items import catalogue_categories, read_categories, titled_items
from dimerec_tf.data.log_files import LogFiles, find_log_files
from dimerec_tf.data.log_reader import read_log
from dimerec_tf.data.protocols import SPLIT_NAMES, split_user
from dimerec_tf.data.rejects import RejectedRows, Summary
from dimerec_tf.data.splits import no_events, no_examples
from dimerec_tf.data.user_events import latest, settle_user

_BY_TIME = ("leave_one_out", "global_time")  # the splits of one user by itself


@dataclass
class LogCheck:
    """What is in a log.

    Attributes:
        files: its files.
        file_bytes: their sizes.
        left_out: the sizes of what is left out, by name; None for a directory.
        file_rows: their rows, lines that are set aside among them.
        summary: what became of the rows.
        earliest, latest: scalars of `Times`.
        users, items: how many there are.
        events_a_user: minimum, quartiles and maximum.
        examples: users by split; without one for splits between users.
        without_category, without_title: items of the log; None if there is no item file, or no titles in it.
        catalogue: the items that a model would know, unordered; as `examples`.
    """

    files: LogFiles
    file_bytes: list[int]
    left_out: dict[str, int | None]
    file_rows: Counter[str]
    summary: Summary
    earliest: Any
    latest: Any
    users: int
    items: int
    events_a_user: list[float]
    examples: Mapping[str, int]
    without_category: int | None = None
    without_title: int | None = None
    catalogue: list[str] = field(default_factory=list)

    def judge(self, data: DataConfig) -> None:
        """Refuses what a pipeline would refuse, in its words.

        Raises:
            TooManyBadRows: too much was set aside.
            LogError: a split gets no example.
            ItemsError: no item has a category.
        """
        self.summary.check(data.max_bad_fraction, None)
        if data.split.kind in _BY_TIME:
            for name in SPLIT_NAMES:
                if not self.examples.get(name):
                    raise no_examples(data, name)
            if data.items_path:
                catalogue_categories(data, self.catalogue)


def check_log(data: DataConfig, progress: Callable[[str], None] = lambda _: None) -> LogCheck:
    """Reads a log once, as the pipeline does, and counts what it holds.

    In memory are its ids, 4 bytes for each user, and a 64th of its events at a time; the events lie in a temporary
    file of 16 bytes each.

    Raises:
        LogError: the log cannot be read, its times cannot be compared, or it has no valid event.
        ItemsError: there is an item file that cannot be used.
        ConfigError: the boundaries of a time split leave no evaluation period.
    """
    files = find_log_files(data.path)
    categories = read_categories(data) if data.items_path else None
    titled = titled_items(data) if data.items_path else None
    file_rows: Counter[str] = Counter()
    times: list[TimeCounts] = []
    with EventSpool() as spool, RejectedRows() as rejected:
        for batch in read_log(data, progress):
            rejected.add(batch.rejected)
            rejected.doubt(batch.doubts)
            file_rows[batch.file] += len(batch.rows) + len(batch.rejected)
            if len(batch.times):
                times = _added(times, TimeCounts.of(batch.times), whole=data.split.kind == "global_time")
            spool.add(batch)
        if not spool.users:
            raise no_events(data.path, rejected.counts)
        events = TimeCounts.sum(times)
        users = _Users(data, events, rejected, spool)
        for number, piece in enumerate(spool.pieces(), start=1):
            progress(f"Ordering the events of {len(spool.users):,} users: {number} of {PIECES}")
            users.add(piece)
        catalogue = [item for item, count in users.trained.items() if count >= data.min_item_count]
        return LogCheck(
            files,
            [Path(file).stat().st_size for file in files.read],
            {name: _size(Path(data.path, name)) for name in files.left_out},
            file_rows,
            rejected.summarise(int(sum(users.sizes))),
            events.times[0],
            events.times[-1],
            len(spool.users),
            len(spool.items),
            np.quantile(users.sizes, [0, 0.25, 0.5, 0.75, 1]).tolist(),
            users.examples,
            None if categories is None else sum(not categories.get(item) for item in spool.items),
            None if titled is None else sum(item not in titled for item in spool.items),
            catalogue,
        )


class _Users:
    """Counts users, and splits each as the pipeline does."""

    def __init__(self, data: DataConfig, events: TimeCounts, rejected: RejectedRows, spool: EventSpool) -> None:
        self._data = data
        self._rejected = rejected
        self._names, self._items = list(spool.users), np.array(list(spool.items), dtype=object)
        self._split = data.split.kind in _BY_TIME
        self._boundaries = resolve_boundaries(data.split, events) if data.split.kind == "global_time" else None
        self.sizes: list[int] = []
        self.examples: Counter[str] = Counter()
        self.trained: Counter[str] = Counter()

    def add(self, piece: Piece) -> None:
        order = np.argsort(piece.users, kind="stable")
        for own in np.split(order, np.flatnonzero(np.diff(piece.users[order])) + 1):
            kept = own[latest(piece.times[own], self._data.max_user_events)]
            self._rejected.cut(len(own) - len(kept))
            name, items = self._names[piece.users[own[0]]], self._items[piece.items[kept]]
            user, repeats, kept_repeats = settle_user(name, items, piece.times[kept], _nowhere, self._data)
            self._rejected.add(repeats)
            self._rejected.keep_repeats(kept_repeats)
            self.sizes.append(len(user.items))
            if self._split:
                examples = split_user(user, self._boundaries)
                self.examples.update(examples.keys())
                if train := examples.get("train"):
                    self.trained.update([*train.history, *train.targets])


def _size(path: Path) -> int | None:
    return path.lstat().st_size if not path.is_dir() else None


def _nowhere(_: int) -> tuple[str, int]:
    """The place of a row that is counted only."""
    return "", 0


def _added(times: list[TimeCounts], more: TimeCounts, whole: bool) -> list[TimeCounts]:
    """All distinct times, or else the first and the last."""
    times = [*times, more]
    if not whole:
        joined = TimeCounts.sum(times)
        ends = [0, -1]
        return [TimeCounts(joined.times[ends], joined.counts[ends])]
    return times if len(times) < 64 else [TimeCounts.sum(times)]
