"""Beam steps from log files to split users. What they pass around is one value per user and batch."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import apache_beam as beam
import numpy as np
import tensorflow as tf
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems
from apache_beam.metrics import Metrics
from numpy.typing import NDArray

from dimerec_tf.config import ConfigError
from dimerec_tf.config_data import DataConfig, SplitConfig
from dimerec_tf.data.boundaries import Boundaries, TimeCounts, resolve_boundaries
from dimerec_tf.data.comparable import Marks, conflict
from dimerec_tf.data.log_reader import EventBatch, LogError, read_file
from dimerec_tf.data.periods import Periods
from dimerec_tf.data.protocols import SPLIT_NAMES, UserExample, split_user
from dimerec_tf.data.rejects import RejectedRow
from dimerec_tf.data.times import Times
from dimerec_tf.data.user_events import settle_user
from dimerec_tf.features import PERIOD
from tfx_pipeline.components.sequence_example_gen.packs import UserPacks, pack, rows_of, times_of

TIMES, MARKS, FOUND, REJECTED, FAILURES, COUNTS = "times", "marks", "found", "rejected", "failures", "counts"
DOUBTS, DOUBT = "doubts", "doubt: "
READ = (TIMES, MARKS, FOUND, REJECTED, DOUBTS, FAILURES)  # what a DoFn that reads gives beside events
NEWEST, PREVIOUS = "newest", "previous"
TEST = SPLIT_NAMES[-1]
KEPT, CUT_USERS, CUT_EVENTS, REPEATS = "kept", "cut users", "cut events", "repeats kept"
_METRICS = "dimerec"
_MAX_PARTS = 16


@beam.typehints.with_output_types(tuple[str, Any])
class ReadEvents(beam.DoFn):
    """File name -> (user id, EventPack); what `READ` names as tagged outputs.

    A file that cannot be read becomes a failure with its sentence, which no runner retries or buries in a trace.
    """

    def __init__(self, data: DataConfig) -> None:
        self._data = data

    def process(self, file: str) -> Iterator[Any]:
        try:
            for batch in read_file(file, self._data, _open):
                yield from batch_outputs(batch)
        except LogError as error:
            yield beam.pvalue.TaggedOutput(FAILURES, str(error))


def batch_outputs(batch: EventBatch) -> Iterator[Any]:
    """What a DoFn that reads gives for a batch: packs of users, the rest tagged."""
    Metrics.counter(_METRICS, "rows_rejected").inc(len(batch.rejected))
    yield from (beam.pvalue.TaggedOutput(REJECTED, _record(row)) for row in batch.rejected)
    yield from (beam.pvalue.TaggedOutput(DOUBTS, (DOUBT + what, count)) for what, count in batch.doubts.items())
    yield beam.pvalue.TaggedOutput(TIMES, TimeCounts.of(batch.times))
    yield beam.pvalue.TaggedOutput(MARKS, batch.marks)
    yield beam.pvalue.TaggedOutput(FOUND, (batch.file, len(batch.times)))
    yield from pack(batch)


class AddTimes(beam.CombineFn):
    """Adds up `TimeCounts`; the order does not matter."""

    def create_accumulator(self) -> list[TimeCounts]:
        return []

    def add_input(self, accumulator: list[TimeCounts], times: TimeCounts) -> list[TimeCounts]:
        parts = [*accumulator, times]
        return parts if len(parts) < _MAX_PARTS else self.compact(parts)

    def merge_accumulators(self, accumulators: Iterable[list[TimeCounts]]) -> list[TimeCounts]:
        return [TimeCounts.sum([part for accumulator in accumulators for part in accumulator])]

    def compact(self, accumulator: list[TimeCounts]) -> list[TimeCounts]:
        return [TimeCounts.sum(accumulator)]

    def extract_output(self, accumulator: list[TimeCounts]) -> TimeCounts:
        return TimeCounts.sum(accumulator)


class Comparable(beam.DoFn):
    """Marks of all events -> whether their times can be compared; why not as a tagged failure."""

    def process(self, marks: Marks) -> Iterator[Any]:
        problem = conflict(marks)
        yield problem is None
        if problem:
            yield beam.pvalue.TaggedOutput(FAILURES, problem)


class ResolveBoundaries(beam.DoFn):
    """All times, if they can be compared -> Boundaries, None where there are none; the reason as a tagged failure."""

    def __init__(self, split: SplitConfig) -> None:
        self._split = split

    def process(self, times: TimeCounts, comparable: bool) -> Iterator[Any]:
        try:
            yield resolve_boundaries(self._split, times) if comparable and len(times.times) else None
        except ConfigError as error:
            yield None
            yield beam.pvalue.TaggedOutput(FAILURES, str(error))


class SplitUser(beam.DoFn):
    """(user id, UserPacks) -> serialised examples, tagged with their split; rejected rows and counts beside them.

    In the test split each is paired with the time of its target. Of a log whose times cannot be compared there is
    nothing.

    `span_splits` names the split of a file's span, for the spans that have one of their own.
    """

    def __init__(self, data: DataConfig, span_splits: Mapping[str, str]) -> None:
        self._data = data
        self._span_splits = span_splits
        self._kept = Metrics.counter(_METRICS, "events_kept")
        self._rejected = Metrics.counter(_METRICS, "rows_rejected")

    def process(
        self, grouped: tuple[str, UserPacks], comparable: bool, boundaries: Boundaries | None
    ) -> Iterator[beam.pvalue.TaggedOutput]:
        if not comparable:
            return
        user_id, packs, cut = grouped[0], grouped[1].packs, grouped[1].cut
        rows, times = np.concatenate([rows_of(part) for part in packs]), times_of(packs)
        items = np.array([item for part in packs for item in part.items], dtype=object)
        starts = np.cumsum([0, *(len(part.items) for part in packs)])

        def place_of(i: int) -> tuple[str, int]:
            return packs[int(np.searchsorted(starts, i, side="right")) - 1].file, int(rows[i])

        user, dropped, repeats = settle_user(user_id, items, times, place_of, self._data)
        yield from (beam.pvalue.TaggedOutput(REJECTED, _record(row)) for row in dropped)
        self._rejected.inc(len(dropped))
        self._kept.inc(len(user.items))
        yield beam.pvalue.TaggedOutput(COUNTS, (KEPT, len(user.items)))
        if cut:
            yield beam.pvalue.TaggedOutput(COUNTS, (CUT_USERS, 1))
            yield beam.pvalue.TaggedOutput(COUNTS, (CUT_EVENTS, cut))
        if repeats:
            yield beam.pvalue.TaggedOutput(COUNTS, (REPEATS, repeats))
        names = [self._span_splits.get(part.file) for part in packs]
        spans = _of_spans(user_id, items, times, names, starts) if any(names) else {}
        for name, example in {**split_user(user, boundaries), **spans}.items():
            value = to_tf_example(example).SerializeToString(deterministic=True)
            timed = (user.times[len(example.history)], value) if name == TEST else value
            yield beam.pvalue.TaggedOutput(name, timed)


def with_period(timed: tuple[Any, bytes], periods: Periods) -> bytes:
    """(time of the target, serialised example) -> the example with the feature `target_period` bytes[1]."""
    example = tf.train.Example.FromString(timed[1])
    example.features.feature[PERIOD].bytes_list.value.append(periods.name_of(timed[0]).encode())
    return example.SerializeToString(deterministic=True)


def _of_spans(
    user_id: str, items: NDArray[np.object_], times: Times, names: list[str | None], starts: NDArray[np.int64]
) -> dict[str, UserExample]:
    """What a user did in each span that has a name; `names` are those of packs, which begin at `starts`."""
    of_event = np.repeat(np.array(names, dtype=object), np.diff(starts))
    examples = {}
    for name in {name for name in names if name}:
        own = of_event == name
        in_order = items[own][np.argsort(times[own], kind="stable")].tolist()
        examples[name] = UserExample(user_id, in_order[:-1], in_order[-1:])
    return examples


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
