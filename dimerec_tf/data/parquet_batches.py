"""Columns of a Parquet file in batches, with the timestamps that it has."""

from collections.abc import Iterator
from typing import IO, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dimerec_tf.data.parquet import open_parquet

_LIMIT = (2**63 - 1) // 1000  # microseconds that 64 bits of nanoseconds hold


def read_batches(file: Any, stream: IO[bytes], columns: list[str], rows: int) -> Iterator[pa.RecordBatch]:
    """Reads an open file, `rows` at a time.

    INT96, the timestamps of older Spark and Hive, may be of any year, and Arrow turns those that nanoseconds cannot
    count into wrong ones within range. A column that has such ones is given in microseconds, in which they are right.

    Args:
        file: opened from `stream`.
        stream: read at any place.
        columns: which ones.
        rows: of a batch.

    Raises:
        ValueError: a column has such timestamps, and others in a batch with them that microseconds would round.
    """
    described = [file.schema.column(i) for i in range(len(file.schema))]
    names = [column.path for column in described if column.physical_type == "INT96" and column.path in columns]
    batches = file.iter_batches(rows, columns=columns, use_threads=False)
    if not names:
        yield from batches
        return
    coarse = open_parquet(stream, int96_unit="us").iter_batches(rows, columns=names, use_threads=False)
    for batch, micros in zip(batches, coarse, strict=True):
        arrays = dict(zip(batch.schema.names, batch.columns, strict=True))
        for name in names:
            arrays[name] = _right(name, arrays[name], micros.column(micros.schema.names.index(name)))
        yield pa.RecordBatch.from_arrays(list(arrays.values()), names=list(arrays))


def _right(name: str, nanoseconds: pa.Array, microseconds: pa.Array) -> pa.Array:
    micros = _counts(microseconds)
    if not ((micros > _LIMIT) | (micros < -_LIMIT)).any():
        return nanoseconds
    if (_counts(nanoseconds) != micros * 1000).any():  # both wrap round alike
        raise ValueError(f"column {name!r} has INT96 timestamps outside the years 1678 to 2261 beside nanoseconds")
    return microseconds


def _counts(column: pa.Array) -> NDArray[np.int64]:
    return column.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
