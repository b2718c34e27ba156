"""Streaming read of an event log: CSV text, one event per line, Parquet or TFRecord, in batches of bounded size."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dimerec_tf.config_data import DataConfig
from dimerec_tf.data.comparable import Marks, conflict, join_marks, marks_of, sentence
from dimerec_tf.data.csv_lines import BadLine, LineReader
from dimerec_tf.data.doubtful_ids import doubts_about
from dimerec_tf.data.file_contents import READ_ERRORS, Kind, Readable, contents_of
from dimerec_tf.data.log_files import NOTICES, LogError, find_log_files, is_parquet_name, is_records_name
from dimerec_tf.data.parquet import open_parquet
from dimerec_tf.data.parquet_batches import read_batches
from dimerec_tf.data.rejects import (
    BAD_TIME,
    BROKEN_ITEM,
    MISSING_ITEM,
    MISSING_USER,
    NUL_BYTE,
    TIME_OUT_OF_RANGE,
    RejectedRow,
)
from dimerec_tf.data.time_numbers import CoarseTimes
from dimerec_tf.data.times import ParsedTimes, Times, parse_times

PARQUET_BATCH_ROWS = 1 << 16

Opener = Callable[[str], IO[bytes]]


@dataclass(frozen=True)
class EventBatch:
    """Events of one file in file order, `[n]` each, the rows set aside among them, and what the times are.

    `doubts` counts events with ids that may be mistakes, see `doubts_about`.
    """

    file: str
    rows: NDArray[np.int64]
    users: NDArray[np.object_]
    items: NDArray[np.object_]
    times: Times
    rejected: list[RejectedRow]
    marks: Marks = field(default_factory=dict)
    doubts: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class _Block:
    """Rows as they stand in the file: user, item and time column, `[n]` each."""

    rows: NDArray[np.int64]
    columns: list[pa.Array]
    bad: list[BadLine]


def read_log(data: DataConfig, progress: Callable[[str], None] = lambda _: None) -> Iterator[EventBatch]:
    """Reads all files of a log, one after the other, and says to `progress` where it is.

    Raises:
        LogError: a file or a column is missing, or a file cannot be read; at the end, if times cannot be compared.
    """
    marks: Marks = {}
    files = find_log_files(data.path)
    NOTICES.info(files.notice(data.path))
    rows = 0
    for number, file in enumerate(files.read, start=1):
        for batch in read_file(file, data):
            marks = join_marks([marks, batch.marks])
            rows += len(batch.rows) + len(batch.rejected)
            progress(f"Reading {data.path}: file {number:,} of {len(files.read):,}, {rows:,} rows")
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
        file: its name. Its first bytes say whether it is Parquet, TFRecord or text, and how it is packed.
        data: the columns' names and the delimiter.
        open_binary: opens a file by name, for file systems other than the local one; TensorFlow opens TFRecords.

    Raises:
        LogError: the file cannot be read, or a column is missing or of a type that cannot serve.
    """
    names = [data.user_column, data.item_column, data.time_column]
    try:
        with open_binary(file) as stream:
            for block in _blocks(file, stream, data):
                yield _to_batch(file, block, names)
    except LogError:
        raise
    except READ_ERRORS as error:
        raise LogError(f"The log file {file} cannot be read: {error}.") from error


def read_rows(source: str, rows: Sequence[Mapping[str, Any]], data: DataConfig) -> EventBatch:
    """Makes a batch of rows by column name, at least one; `source` is what people call where they come from.

    Raises:
        LogError: a column is missing or of a type that cannot serve.
    """
    names = list(rows[0])
    wanted = [names[i] for i in _find_columns(source, names, data)]
    try:
        columns = [_typed(pa.array([row[name] for row in rows])) for name in wanted]
        ids = [_as_text(column, name) for column, name in zip(columns[:2], wanted[:2], strict=True)]
        return _to_batch(source, _Block(np.arange(1, len(rows) + 1), [*ids, columns[2]], []), wanted)
    except LogError:
        raise
    except (ValueError, pa.ArrowException) as error:
        raise LogError(f"Of {source} events cannot be made: {error}.") from error


def _blocks(file: str, stream: IO[bytes], data: DataConfig) -> Iterator[_Block]:
    contents = contents_of(stream)
    if contents.kind is Kind.PARQUET:
        return _parquet_blocks(file, stream, data)
    if is_parquet_name(file):
        raise ValueError("its name says Parquet, and its first bytes do not")
    if contents.kind is Kind.RECORDS or is_records_name(file):
        if contents.packings not in ((), ("gzip",)):
            raise ValueError(f"it is TFRecord in {' in '.join(reversed(contents.packings))}, and in gzip alone is read")
        return _record_blocks(file, bool(contents.packings), data)
    return _text_blocks(file, contents.stream, data)


def _text_blocks(file: str, stream: Readable, data: DataConfig) -> Iterator[_Block]:
    reader = LineReader(stream, data.delimiter)
    for block in reader.read(_find_columns(file, reader.names, data)):
        yield _Block(block.numbers, block.columns, block.bad)


def _parquet_blocks(file: str, stream: IO[bytes], data: DataConfig) -> Iterator[_Block]:
    parquet = open_parquet(stream)
    names = parquet.schema_arrow.names
    wanted = [names[i] for i in _find_columns(file, names, data)]
    first_row = 1
    for batch in read_batches(parquet, stream, wanted, PARQUET_BATCH_ROWS):
        columns = [_plain(batch.column(batch.schema.names.index(name))) for name in wanted]
        ids = [_as_text(column, name) for column, name in zip(columns[:2], wanted[:2], strict=True)]
        yield _Block(np.arange(first_row, first_row + batch.num_rows), [*ids, columns[2]], [])
        first_row += batch.num_rows


def _record_blocks(file: str, packed: bool, data: DataConfig) -> Iterator[_Block]:
    from dimerec_tf.data.record_files import feature_types, read_columns

    types = feature_types(file, packed)
    wanted = [list(types)[i] for i in _find_columns(file, list(types), data)]
    first_row = 1
    for user, item, time in read_columns(file, packed, {name: types[name] for name in wanted}):
        ids = [_as_text(column, name) for column, name in zip((user, item), wanted[:2], strict=True)]
        texts = time.cast(pa.string()) if pa.types.is_binary(time.type) else time
        yield _Block(np.arange(first_row, first_row + len(time)), [*ids, texts], [])
        first_row += len(time)


def _find_columns(file: str, names: list[str], data: DataConfig) -> list[int]:
    """Positions of the user, item and time column; `user_id:token`, as RecBole writes headers, counts as `user_id`."""
    bare = [name.split(":", 1)[0] for name in names]
    roles: dict[int, str] = {}
    for key in ("user_column", "item_column", "time_column"):
        name = getattr(data, key)
        found = [i for i, each in enumerate(names) if name in (each, bare[i])]
        if not found:
            raise LogError(
                f"{file} has no column {name!r}, only {', '.join(map(repr, names))}: "
                f"change data.{key}, or data.delimiter ({data.delimiter!r}) if these are not columns."
            )
        if len(found) > 1:
            raise LogError(
                f"{file} has {len(found)} columns {name!r} ({', '.join(repr(names[i]) for i in found)}): name another "
                f"in data.{key}, or rename one of them."
            )
        if found[0] in roles:
            raise LogError(
                f"data.{roles[found[0]]} and data.{key} both name the column {names[found[0]]!r} of {file}: users, "
                "items and times each have a column of their own."
            )
        roles[found[0]] = key
    return list(roles)


def _typed(column: pa.Array) -> pa.Array:
    """With a type also where all is missing, as it may be in a few rows."""
    return column.cast(pa.string()) if pa.types.is_null(column.type) else column


def _plain(column: pa.Array) -> pa.Array:
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column


def _as_text(column: pa.Array, name: str) -> pa.Array:
    kind = column.type
    if pa.types.is_floating(kind):
        raise ValueError(
            f"column {name!r} has type {kind}, ids must be text or whole numbers: write it as whole numbers, which may "
            "have gaps (pandas calls them Int64), or as text"
        )
    textual = (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_integer, pa.types.is_null)
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
        (_has_nul(user) | _has_nul(item), NUL_BYTE),
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
    user, item = user.filter(kept), item.filter(kept)
    doubts = doubts_about("user", user) + doubts_about("item", item)
    return EventBatch(file, rows, _objects(user), _objects(item), times, rejected, marks, doubts)


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


def _has_nul(ids: pa.Array) -> NDArray[np.bool_]:
    return pc.match_substring(pc.fill_null(ids, ""), "\0").to_numpy(zero_copy_only=False)


def _raw_values(block: _Block, i: int, names: list[str]) -> dict[str, str | None]:
    values = (column[i].as_py() for column in block.columns)
    return {name: None if value is None else str(value) for name, value in zip(names, values, strict=True)}


def _objects(ids: pa.Array) -> NDArray[np.object_]:
    """Python strings `[n]`, one object for all events of the same id."""
    encoded = ids.dictionary_encode()
    return encoded.dictionary.to_numpy(zero_copy_only=False)[encoded.indices.to_numpy(zero_copy_only=False)]
