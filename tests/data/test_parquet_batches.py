"""INT96 timestamps: right, whatever their year."""

import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dimerec_tf.config_data import DataConfig
from dimerec_tf.data import log_reader, parquet_batches
from dimerec_tf.data.log_reader import read_log

DAY = datetime.datetime(2026, 1, 3)
END = datetime.datetime(9999, 12, 31)  # Arrow's nanoseconds make it a day of 1816


def write(folder: Path, times: pa.Array, **options: object) -> DataConfig:
    table = pa.table({"timestamp": times, "user_id": ["u"] * len(times), "item_id": ["i"] * len(times)})
    pq.write_table(table, folder / "log.parquet", use_deprecated_int96_timestamps=True, **options)
    return DataConfig(path=str(folder))


@pytest.mark.parametrize("batch_rows", [1, 2, 100])
def test_years_that_nanoseconds_cannot_count_are_named(tmp_path, monkeypatch, batch_rows):
    monkeypatch.setattr(log_reader, "PARQUET_BATCH_ROWS", batch_rows)
    times = [DAY, END, None, datetime.datetime(1, 1, 1), DAY]
    batches = list(read_log(write(tmp_path, pa.array(times, pa.timestamp("us")), row_group_size=3)))
    assert [time for batch in batches for time in batch.times] == [np.datetime64(DAY, "ns")] * 2
    assert [(row.row, row.reason) for batch in batches for row in batch.rejected] == [
        (2, "time outside the years 1678 to 2261 or of more than 64 bits"),
        (3, "unparsable time"),
        (4, "time outside the years 1678 to 2261 or of more than 64 bits"),
    ]


def test_nanoseconds_stay(tmp_path):
    moment = np.datetime64(DAY, "ns") + 123_456_789
    (batch,) = read_log(write(tmp_path, pa.array(np.array([moment]))))
    assert batch.times.tolist() == [moment.astype(int)]


def test_a_column_that_neither_unit_holds_is_refused():
    exact, coarse = pa.array([1_000_001], pa.timestamp("ns")), pa.array([2**62], pa.timestamp("us"))
    with pytest.raises(ValueError, match="'t' has INT96 timestamps outside the years 1678 to 2261 beside nanoseconds"):
        parquet_batches._right("t", exact, coarse)
