"""Streaming read of an event log: CSV text, one event per line, Parquet or TFRecord, in batches of bounded size."""

import gzip
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dimerec_tf.config_data import PLACEHOLDERS, DataConfig
from dimerec_tf.data.comparable import Marks, conflict, join_marks, marks_of, sentence
from dimerec_tf.data.csv_lines import BadLine, LineReader
from dimerec_tf.data.parquet import open_parquet
from dimerec_tf.data.rejects import BAD_TIME, BROKEN_ITEM, MISSING_ITEM, MISSING_USER, TIME_OUT_OF_RANGE, RejectedRow
from dimerec_tf.data.time_numbers import CoarseTimes
from dimerec_tf.data.times import ParsedTimes, Times, parse_times
from dimerec_tf.errors import DimeRecError

TEXT_SUFFIXES = (".csv", ".tsv", ".inter")
RECORD_SUFFIXES = (".tfrecord", ".tfrecord.gz")
LOG_SUFFIXES = (*TEXT_SUFFIXES, *(f"{suffix}.gz" for suffix in TEXT_SUFFIXES), ".parquet", *RECORD_SUFFIXES)
PARQUET_BATCH_ROWS = 1 << 16

Opener = Callable[[str], IO[bytes]]


class LogError(DimeRecError, ValueError):
    """A log that cannot be read at all; the message says what was found and what to change."""


@dataclass(frozen=True)
class EventBatch:
    """Events of one file in file order, `[n]` each, the rows set aside among them, and what the times are."""

    file: str
    rows: NDArray[np.int64]
    users: NDArray[np.object_]
    items: NDArray[np.object_]
    times: Times
    rejected: list[RejectedRow]
    marks: Marks = field(default_factory=dict)


@dataclass(frozen=True)
class _Block:
    """Rows as they stand in the file: user, item and time column, `[n]` each."""

    rows: NDArray[np.int64]
    columns: list[pa.Array]
    bad: list[BadLine]


def is_log_file(name: str) -> bool:
    """Whether a directory's file is part of the log: a known suffix, and not hidden by a leading dot or underscore."""
    base = name.rsplit("/", 1)[-1]
    return base.endswith(LOG_SUFFIXES) and not base.startswith((".", "_"))


def list_log_files(path: str) -> list[str]:
    """The files of a log in reading order, by name. A file given by its own name may have any suffix.

    Raises:
        LogError: there is nothing at `path`, or a directory without a log file, or it names spans.
    """
    if not path:
        raise LogError("data.path is empty: set it to a log file or a directory of log files.")
    if PLACEHOLDERS.search(path):
        raise LogError(f"data.path {path} names spans, which only a pipeline finds: name the files of one span here.")
    place = Path(path)
    if place.is_file():
        return [path]
    if not place.is_dir():
        raise LogError(f"There is no log at {path}: set data.path to a file or a directory of files.")
    files = sorted(str(entry) for entry in place.iterdir() if entry.is_file() and is_log_file(entry.name))
    if not files:
        raise LogError(f"No log in the directory {path}: data.path needs files ending in {', '.join(LOG_SUFFIXES)}.")
    return files


def read_log(data: DataConfig) -> Iterator[EventBatch]:
    """Reads all files of a log, one after the other.

    Raises:
        LogError: a file or a column is missing, or a file cannot be read; at the end, if times cannot be compared.
    """
    marks: Marks = {}
    for file in list_log_files(data.path):
        for batch in read_file(file, data):
            marks = join_marks([marks, batch.marks])
            yield batch
    require_comparable(marks)


def require_comparable(marks: Marks) -> None:
    """Refuses the marks of a log whose times cannot be compared, see `conflict`.

    Raises:
        LogError: they cannot.
    """
    if problem := conflict(marks):
        raise LogError(problem)


def open_local(file: str) -> IO[bytes]:
    return Path(file).open("rb")


def read_file(file: str, data: DataConfig, open_binary: Opener = open_local) -> Iterator[EventBatch]:
    """Reads one file.

    In text every event is one line; fields may be quoted unless the delimiter is a tab. Ids keep their exact text;
    integer columns of Parquet and TFRecord become their decimal text. A record of a TFRecord is a tf.Example with one
    value of each feature. Blank lines are skipped. An item id with a line break is set
    aside: the vocabulary is a text file with one id per line.

    Args:
        file: its name; `.parquet` is read as Parquet, `.tfrecord` as TFRecord, anything else as text, and `.gz` is
            unpacked.
        data: the columns' names and the delimiter.
        open_binary: opens a file by name, for file systems other than the local one; TensorFlow opens TFRecords.

    Raises:
        LogError: the file cannot be read, or a column is missing or of a type that cannot serve.
    """
    names = [data.user_column, data.item_column, data.time_column]
    try:
        with nullcontext() if file.endswith(RECORD_SUFFIXES) else open_binary(file) as stream:
            for block in _blocks(file, stream, data):
                yield _to_batch(file, block, names)
    except LogError:
        raise
    except (OSError, EOFError, zlib.error, ValueError, pa.ArrowException) as error:
        raise LogError(f"The log file {file} cannot be read: {error}.") from error


def read_rows(source: str, rows: Sequence[Mapping[str, Any]], data: DataConfig) -> EventBatch:
    """Makes a batch of rows by column name, at least one; `source` is what people call where they come from.

    Raises:
        LogError: a column is missing or of a type that cannot serve.
    """
    names = list(rows[0])
    wanted = [names[i] for i in _find_columns(source, names, data)]
    try:
        columns = [pa.array([row[name] for row in rows]) for name in wanted]
        ids = [_as_text(column, name) for column, name in zip(columns[:2], wanted[:2], strict=True)]
        return _to_batch(source, _Block(np.arange(1, len(rows) + 1), [*ids, columns[2]], []), wanted)
    except LogError:
        raise
    except (ValueError, pa.ArrowException) as error:
        raise LogError(f"Of {source} events cannot be made: {error}.") from error


def _blocks(file: str, stream: IO[bytes] | None, data: DataConfig) -> Iterator[_Block]:
    if stream is None:
        return _record_blocks(file, data)
    return _parquet_blocks(file, stream, data) if file.endswith(".parquet") else _text_blocks(file, stream, data)


def _text_blocks(file: str, stream: IO[bytes], data: DataConfig) -> Iterator[_Block]:
    text = gzip.GzipFile(fileobj=stream) if file.endswith(".gz") else stream
    reader = LineReader(text, data.delimiter)
    for block in reader.read(_find_columns(file, reader.names, data)):
        yield _Block(block.numbers, block.columns, block.bad)


def _parquet_blocks(file: str, stream: IO[bytes], data: DataConfig) -> Iterator[_Block]:
    parquet = open_parquet(stream)
    names = parquet.schema_arrow.names
    wanted = [names[i] for i in _find_columns(file, names, data)]
    first_row = 1
    for batch in parquet.iter_batches(PARQUET_BATCH_ROWS, columns=wanted, use_threads=False):
        columns = [_plain(batch.column(batch.schema.names.index(name))) for name in wanted]
        ids = [_as_text(column, name) for column, name in zip(columns[:2], wanted[:2], strict=True)]
        yield _Block(np.arange(first_row, first_row + batch.num_rows), [*ids, columns[2]], [])
        first_row += batch.num_rows


def _record_blocks(file: str, data: DataConfig) -> Iterator[_Block]:
    from dimerec_tf.data.record_files import feature_types, read_columns

    types = feature_types(file)
    wanted = [list(types)[i] for i in _find_columns(file, list(types), data)]
    first_row = 1
    for user, item, time in read_columns(file, {name: types[name] for name in wanted}):
        ids = [_as_text(column, name) for column, name in zip((user, item), wanted[:2], strict=True)]
        texts = time.cast(pa.string()) if pa.types.is_binary(time.type) else time
        yield _Block(np.arange(first_row, first_row + len(time)), [*ids, texts], [])
        first_row += len(time)


def _find_columns(file: str, names: list[str], data: DataConfig) -> list[int]:
    """Positions of the user, item and time column; `user_id:token`, as RecBole writes headers, counts as `user_id`."""
    bare = [name.split(":", 1)[0] for name in names]
    positions = []
    for key in ("user_column", "item_column", "time_column"):
        name = getattr(data, key)
        if name not in names and name not in bare:
            raise LogError(
                f"{file} has no column {name!r}, only {', '.join(map(repr, names))}: "
                f"change data.{key}, or data.delimiter ({data.delimiter!r}) if these are not columns."
            )
        positions.append(names.index(name) if name in names else bare.index(name))
    return positions


def _plain(column: pa.Array) -> pa.Array:
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column


def _as_text(column: pa.Array, name: str) -> pa.Array:
    kind = column.type
    textual = (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_integer)
    if not any(matches(kind) for matches in textual):
        raise ValueError(f"column {name!r} has type {kind}, ids must be text or whole numbers")
    return column.cast(pa.string())


def _to_batch(file: str, block: _Block, names: list[str]) -> EventBatch:
    user, item, _ = block.columns
    parsed = _parse_times(file, block)
    problems = (
        (_is_missing(user), MISSING_USER),
        (_is_missing(item), MISSING_ITEM),
        (_breaks_lines(item), BROKEN_ITEM),
        (parsed.unparsable, BAD_TIME),
        (parsed.out_of_range, TIME_OUT_OF_RANGE),
    )
    keep = ~np.logical_or.reduce([wrong for wrong, _ in problems])
    rejected = [RejectedRow(file, bad.number, bad.reason, {"line": bad.text}) for bad in block.bad]
    for i in np.flatnonzero(~keep).tolist():
        reason = next(reason for wrong, reason in problems if wrong[i])
        rejected.append(RejectedRow(file, int(block.rows[i]), reason, _raw_values(block, i, names)))
    kept, rows, times = pa.array(keep), block.rows[keep], parsed.times[keep]
    marks = marks_of(file, rows, times, parsed.moments[keep])
    return EventBatch(file, rows, _objects(user.filter(kept)), _objects(item.filter(kept)), times, rejected, marks)


def _parse_times(file: str, block: _Block) -> ParsedTimes:
    try:
        return parse_times(block.columns[2])
    except CoarseTimes as error:
        rows = " and ".join(f"row {row}" for row in sorted(block.rows[error.positions].tolist()))
        raise LogError(sentence(f"{file} has {error.what} in {rows}, {error.why}")) from error


def _is_missing(ids: pa.Array) -> NDArray[np.bool_]:
    return pc.equal(pc.utf8_trim_whitespace(pc.fill_null(ids, "")), "").to_numpy(zero_copy_only=False)


def _breaks_lines(ids: pa.Array) -> NDArray[np.bool_]:
    """Which ids cannot stand on one line of the vocabulary file."""
    return pc.match_substring_regex(pc.fill_null(ids, ""), r"[\r\n]").to_numpy(zero_copy_only=False)


def _raw_values(block: _Block, i: int, names: list[str]) -> dict[str, str | None]:
    values = (column[i].as_py() for column in block.columns)
    return {name: None if value is None else str(value) for name, value in zip(names, values, strict=True)}


def _objects(ids: pa.Array) -> NDArray[np.object_]:
    """Python strings `[n]`, one object for all events of the same id."""
    encoded = ids.dictionary_encode()
    return encoded.dictionary.to_numpy(zero_copy_only=False)[encoded.indices.to_numpy(zero_copy_only=False)]
