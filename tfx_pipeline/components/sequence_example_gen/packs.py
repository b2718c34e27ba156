"""A user's events on their way through Beam: bytes and text, cheap to encode, and never more than are wanted."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import compress
from typing import NamedTuple

import apache_beam as beam
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dimerec_tf.data.log_reader import EventBatch
from dimerec_tf.data.times import Times, join_times
from dimerec_tf.data.user_events import latest


class EventPack(NamedTuple):
    """A user's events of one batch: int64 row numbers and times, of the dtype `time_type`, as bytes."""

    file: str
    rows: bytes
    times: bytes
    time_type: str
    items: list[str]


@dataclass
class UserPacks:
    """A user's packs, at most about twice `max_user_events` events, and how many events were cut off before."""

    packs: list[EventPack]
    size: int = 0
    cut: int = 0


class LatestEvents(beam.CombineFn):
    """A user's packs -> UserPacks of the latest events, in file order; the same for any order and grouping of packs."""

    def __init__(self, limit: int) -> None:
        self._limit = limit

    def create_accumulator(self) -> UserPacks:
        return UserPacks([])

    def add_input(self, accumulator: UserPacks, pack: EventPack) -> UserPacks:
        accumulator.packs.append(pack)
        accumulator.size += len(pack.items)
        return accumulator if accumulator.size <= 2 * self._limit else self.compact(accumulator)

    def merge_accumulators(self, accumulators: Iterable[UserPacks]) -> UserPacks:
        merged = self.create_accumulator()
        for part in accumulators:
            merged.cut += part.cut
            for pack in part.packs:
                merged = self.add_input(merged, pack)
        return merged

    def compact(self, accumulator: UserPacks) -> UserPacks:
        packs = sorted(accumulator.packs, key=_file_order)
        excess = accumulator.size - self._limit
        if excess <= 0:
            return UserPacks(packs, accumulator.size, accumulator.cut)
        kept = latest(times_of(packs), self._limit)
        ends = np.cumsum([len(pack.items) for pack in packs])
        parts = [_part(pack, own) for pack, own in zip(packs, np.split(kept, ends[:-1]), strict=True) if own.any()]
        return UserPacks(parts, self._limit, accumulator.cut + excess)

    def extract_output(self, accumulator: UserPacks) -> UserPacks:
        return self.compact(accumulator)


def pack(batch: EventBatch) -> Iterator[tuple[str, EventPack]]:
    """User ids and their events of one batch."""
    codes, users = pd.factorize(batch.users)
    by_user = np.argsort(codes, kind="stable")
    rows, times, items = batch.rows[by_user], batch.times[by_user], batch.items[by_user].tolist()
    bounds = np.cumsum([0, *np.bincount(codes, minlength=len(users))]).tolist()
    for user, start, end in zip(users, bounds[:-1], bounds[1:], strict=True):
        own = slice(start, end)
        yield user, EventPack(batch.file, rows[own].tobytes(), times[own].tobytes(), times.dtype.str, items[own])


def _part(pack: EventPack, kept: NDArray[np.bool_]) -> EventPack:
    return pack._replace(
        rows=rows_of(pack)[kept].tobytes(),
        times=times_of([pack])[kept].tobytes(),
        items=list(compress(pack.items, kept)),
    )


def rows_of(pack: EventPack) -> NDArray[np.int64]:
    return np.frombuffer(pack.rows, np.int64)


def times_of(packs: list[EventPack]) -> Times:
    return join_times([np.frombuffer(pack.times, pack.time_type) for pack in packs])


def _file_order(pack: EventPack) -> tuple[str, int]:
    return pack.file, int(rows_of(pack)[0])
