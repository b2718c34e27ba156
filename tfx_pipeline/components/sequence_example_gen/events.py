"""Beam steps from log files to split users. What they pass around is cheap to encode: one value per user and batch."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import apache_beam as beam
import numpy as np
import pandas as pd
import tensorflow as tf
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems
from apache_beam.metrics import Metrics

from dimerec_tf.config import ConfigError, DataConfig, SplitConfig
from dimerec_tf.data.boundaries import Boundaries, TimeCounts, resolve_boundaries
from dimerec_tf.data.log_reader import EventBatch, LogError, read_file
from dimerec_tf.data.periods import Periods
from dimerec_tf.data.protocols import UserExample, split_user
from dimerec_tf.data.rejects import RejectedRow
from dimerec_tf.data.splits import duplicate_row, order_events
from dimerec_tf.features import PERIOD

TIMES, REJECTED, FAILURES, KEPT = "times", "rejected", "failures", "kept"
_METRICS = "dimerec"


class EventPack(NamedTuple):
    """A user's events of one batch: int64 row numbers and times, of `time_type`, as bytes."""

    file: str
    rows: bytes
    times: bytes
    time_type: str
    items: list[str]


@beam.typehints.with_output_types(tuple[str, Any])
class ReadEvents(beam.DoFn):
    """File name -> (user id, EventPack); times, rejected rows and failures as tagged outputs.

    A file that cannot be read becomes a failure with its sentence, which no runner retries or buries in a trace.
    """

    def __init__(self, data: DataConfig) -> None:
        self._data = data
        self._rejected = Metrics.counter(_METRICS, "rows_rejected")

    def process(self, file: str) -> Iterator[Any]:
        try:
            for batch in read_file(file, self._data, _open):
                self._rejected.inc(len(batch.rejected))
                yield from (beam.pvalue.TaggedOutput(REJECTED, _record(row)) for row in batch.rejected)
                yield beam.pvalue.TaggedOutput(TIMES, TimeCounts.of(batch.times))
                yield from _pack(batch)
        except LogError as error:
            yield beam.pvalue.TaggedOutput(FAILURES, str(error))


class AddTimes(beam.CombineFn):
    """Adds up `TimeCounts`; the order does not matter."""

    def create_accumulator(self) -> list[TimeCounts]:
        return []

    def add_input(self, accumulator: list[TimeCounts], times: TimeCounts) -> list[TimeCounts]:
        return [*accumulator, times]

    def merge_accumulators(self, accumulators: Iterable[list[TimeCounts]]) -> list[TimeCounts]:
        return [TimeCounts.sum([part for accumulator in accumulators for part in accumulator])]

    def compact(self, accumulator: list[TimeCounts]) -> list[TimeCounts]:
        return [TimeCounts.sum(accumulator)]

    def extract_output(self, accumulator: list[TimeCounts]) -> TimeCounts:
        return TimeCounts.sum(accumulator)


class ResolveBoundaries(beam.DoFn):
    """All times -> Boundaries, None where there are none; the reason as a tagged failure."""

    def __init__(self, split: SplitConfig) -> None:
        self._split = split

    def process(self, times: TimeCounts) -> Iterator[Any]:
        try:
            yield resolve_boundaries(self._split, times) if len(times.times) else None
        except ConfigError as error:
            yield None
            yield beam.pvalue.TaggedOutput(FAILURES, str(error))


class SplitUser(beam.DoFn):
    """(user id, packs) -> (time of the target, serialised example), tagged with the split.

    Rejected rows and kept events are beside them.
    """

    def __init__(self, data: DataConfig) -> None:
        self._data = data
        self._kept = Metrics.counter(_METRICS, "events_kept")
        self._rejected = Metrics.counter(_METRICS, "rows_rejected")

    def process(
        self, grouped: tuple[str, Iterable[EventPack]], boundaries: Boundaries | None
    ) -> Iterator[beam.pvalue.TaggedOutput]:
        user_id, packs = grouped[0], sorted(grouped[1], key=_file_order)
        rows = np.concatenate([np.frombuffer(pack.rows, np.int64) for pack in packs])
        times = np.concatenate([np.frombuffer(pack.times, pack.time_type) for pack in packs])
        items = np.array([item for pack in packs for item in pack.items], dtype=object)
        user, dropped = order_events(user_id, items, times)
        starts = np.cumsum([0, *(len(pack.items) for pack in packs)])
        for i in dropped.tolist():
            file = packs[int(np.searchsorted(starts, i, side="right")) - 1].file
            row = duplicate_row(user_id, items[i], times[i].item(), file, int(rows[i]), self._data)
            yield beam.pvalue.TaggedOutput(REJECTED, _record(row))
        self._rejected.inc(len(dropped))
        self._kept.inc(len(user.items))
        yield beam.pvalue.TaggedOutput(KEPT, len(user.items))
        for name, example in split_user(user, boundaries).items():
            time = user.times[len(example.history)].item()
            yield beam.pvalue.TaggedOutput(name, (time, to_tf_example(example).SerializeToString(deterministic=True)))


def with_period(timed: tuple[float, bytes], periods: Periods) -> bytes:
    """(time of the target, serialised example) -> the example with the feature `target_period` bytes[1]."""
    example = tf.train.Example.FromString(timed[1])
    example.features.feature[PERIOD].bytes_list.value.append(periods.name_of(timed[0]).encode())
    return example.SerializeToString(deterministic=True)


def to_tf_example(example: UserExample) -> tf.train.Example:
    """Features `user_id` bytes[1], `history_item_ids` bytes[n], n >= 0, `target_item_id` bytes[1]."""
    values = {
        "user_id": [example.user_id],
        "history_item_ids": example.history,
        "target_item_id": example.targets,
    }
    features = {
        name: tf.train.Feature(bytes_list=tf.train.BytesList(value=[text.encode() for text in texts]))
        for name, texts in values.items()
    }
    return tf.train.Example(features=tf.train.Features(feature=features))


def find_files(base: str, pattern: str) -> list[str]:
    """Names of the files below a directory of any file system that Beam knows, in order of name."""
    (match,) = FileSystems.match([FileSystems.join(base, pattern)])
    return sorted(metadata.path for metadata in match.metadata_list)


def _open(file: str) -> Any:
    return FileSystems.open(file, compression_type=CompressionTypes.UNCOMPRESSED)


def _record(row: RejectedRow) -> tuple[str, str]:
    return row.reason, row.to_json()


def _pack(batch: EventBatch) -> Iterator[tuple[str, EventPack]]:
    codes, users = pd.factorize(batch.users)
    by_user = np.argsort(codes, kind="stable")
    rows, times, items = batch.rows[by_user], batch.times[by_user], batch.items[by_user].tolist()
    bounds = np.cumsum([0, *np.bincount(codes, minlength=len(users))]).tolist()
    for user, start, end in zip(users, bounds[:-1], bounds[1:], strict=True):
        own = slice(start, end)
        yield user, EventPack(batch.file, rows[own].tobytes(), times[own].tobytes(), times.dtype.char, items[own])


def _file_order(pack: EventPack) -> tuple[str, int]:
    return pack.file, int(np.frombuffer(pack.rows, np.int64, count=1)[0])
