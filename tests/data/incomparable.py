"""Logs whose times cannot be compared, each with what is said about it."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import tensorflow as tf

HEADER = "user_id,item_id,timestamp\n"
END = " Write all of them in one way: as whole numbers of one unit or as ISO 8601 text."


class Incomparable(NamedTuple):
    """`write` puts a log's files into a folder; `said` has the folder as `{0}`."""

    write: Callable[[Path], None]
    said: str


def texts(**files: list[str]) -> Callable[[Path], None]:
    """CSV files of one user with these times, named by letters."""

    def write(folder: Path) -> None:
        for name, times in files.items():
            rows = "".join(f"u,{name}{i},{time}\n" for i, time in enumerate(times))
            (folder / f"{name}.csv").write_text(HEADER + rows)

    return write


def columns(**files: pa.Array) -> Callable[[Path], None]:
    """Parquet files of one user with these times."""

    def write(folder: Path) -> None:
        for name, times in files.items():
            items = [f"{name}{i}" for i in range(len(times))]
            table = pa.table({"user_id": ["u"] * len(times), "item_id": items, "timestamp": times})
            pq.write_table(table, folder / f"{name}.parquet")

    return write


def float_records(folder: Path) -> None:
    """Events 30 s apart; a TFRecord's floats have 32 bits."""
    with tf.io.TFRecordWriter(str(folder / "f32.tfrecord")) as writer:
        for i, item in enumerate("dcba"):
            example = tf.train.Example()
            example.features.feature["user_id"].bytes_list.value.append(b"u")
            example.features.feature["item_id"].bytes_list.value.append(item.encode())
            example.features.feature["timestamp"].float_list.value.append(1_700_000_090 - 30 * i)
            writer.write(example.SerializeToString())


def conflict(first: str, second: str) -> str:
    return f"The times of the log cannot be compared: {first}, {second}.{END}"


_MOMENTS = pa.array(np.array(["2026-01-01", "2026-01-02"], "M8[us]"))
_SECONDS = [str(1_700_000_000 + n) for n in range(3)]

INCOMPARABLE = {
    "timestamps beside integers": Incomparable(
        columns(a=_MOMENTS, b=pa.array([1764547200000, 1764633600000])),
        conflict(
            "{0}/a.parquet has a date and time in row 1 (2026-01-01T00:00:00Z)",
            "{0}/b.parquet has a number in row 1 (1764547200000)",
        ),
    ),
    "seconds beside milliseconds": Incomparable(
        texts(a=_SECONDS, b=["1699910000000", "1699911000000"]),
        conflict(
            "{0}/a.csv has seconds since 1970 in row 2 (1700000000)",
            "{0}/b.csv has milliseconds since 1970 in row 2 (1699910000000)",
        ),
    ),
    "microseconds beside nanoseconds": Incomparable(
        columns(a=pa.array([10**15 + 1, 10**15]), b=pa.array([10**18 + 1, 10**18])),
        conflict(
            "{0}/a.parquet has microseconds since 1970 in row 1 (1000000000000001)",
            "{0}/b.parquet has nanoseconds since 1970 in row 1 (1000000000000000001)",
        ),
    ),
    "seconds beside nanoseconds, in one file": Incomparable(
        texts(a=[*_SECONDS, "1700000000000000001"]),
        conflict(
            "{0}/a.csv has seconds since 1970 in row 2 (1700000000)",
            "{0}/a.csv has nanoseconds since 1970 in row 5 (1700000000000000001)",
        ),
    ),
    "ISO text beside numbers, in one file": Incomparable(
        texts(a=["2026-01-01", "2026-01-02T03:04:05.000000006Z", "7"]),
        conflict(
            "{0}/a.csv has a date and time in row 2 (2026-01-01T00:00:00Z)", "{0}/a.csv has a number in row 4 (7)"
        ),
    ),
    "fractions beside nanoseconds": Incomparable(
        texts(a=["1.5", "2"], b=[str(2**62 + 1), str(2**62)]),
        conflict(
            "{0}/a.csv has a fraction in row 2 (1.5)",
            "{0}/b.csv has a number of more than 53 bits in row 2 (4611686018427387905)",
        ),
    ),
    "32-bit floats": Incomparable(
        float_records,
        "The times of the log cannot be compared: {0}/f32.tfrecord has 32-bit floats like 1700000000.0 in row 2 and "
        "row 3, where such floats lie 128 apart." + END,
    ),
    "days as 32-bit floats": Incomparable(
        columns(a=pa.array([20000.0, 20000.501953125, 20000.5], pa.float32())),
        "The times of the log cannot be compared: {0}/a.parquet has 32-bit floats like 20000.501953125 in row 2 and "
        "row 3, where such floats lie 0.00195312 apart." + END,
    ),
    "nanoseconds as 64-bit floats": Incomparable(
        columns(a=pa.array([1.7e18])),
        "The times of the log cannot be compared: {0}/a.parquet has 64-bit floats like 1.7e+18 in row 1, where such "
        "floats lie 256 apart." + END,
    ),
    "as a spreadsheet writes large numbers": Incomparable(
        texts(a=["5", "1.70E+09"]),
        "The times of the log cannot be compared: {0}/a.csv has 1.70E+09 in row 3, rounded to 10,000,000." + END,
    ),
    "more digits than a float has": Incomparable(
        texts(a=["1700000000.123456789"]),
        "The times of the log cannot be compared: {0}/a.csv has 1700000000.123456789 in row 2, more digits than a "
        "64-bit float holds." + END,
    ),
}
