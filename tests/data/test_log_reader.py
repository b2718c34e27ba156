"""Reading logs: every kind of bad row, every format, ids as they are written."""

import gzip
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf

from dimerec_tf.config import DataConfig
from dimerec_tf.data import csv_lines
from dimerec_tf.data.log_files import list_log_files
from dimerec_tf.data.log_reader import LogError, read_log

HEADER = "user_id,item_id,timestamp\n"


def read(path, **settings):
    """All events as (user, item, time, row), moments in nanoseconds, and all rejected rows as (row, reason)."""
    batches = list(read_log(DataConfig(path=str(path), **settings)))
    events = [
        event
        for batch in batches
        for event in zip(batch.users, batch.items, batch.times.tolist(), batch.rows.tolist(), strict=True)
    ]
    return events, [(row.row, row.reason) for batch in batches for row in batch.rejected]


def write(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_every_kind_of_bad_row_is_set_aside_with_its_line_number(tmp_path):
    text = HEADER + "u1,i1,1\n,i2,2\nu1, ,3\nu1,i3,soon\nu1,i4\n\nu1,i5,5,extra\nu1,i6,nan\nu1,i7,inf\nu1,i8,8\n"
    events, rejected = read(write(tmp_path / "log.csv", text))
    assert events == [("u1", "i1", 1, 2), ("u1", "i8", 8, 11)]
    assert sorted(rejected) == [
        (3, "missing user id"),
        (4, "missing item id"),
        (5, "unparsable time"),
        (6, "wrong number of fields"),
        (8, "wrong number of fields"),
        (9, "unparsable time"),
        (10, "unparsable time"),
    ]


def test_a_rejected_row_carries_its_raw_values(tmp_path):
    path = write(tmp_path / "log.csv", HEADER + "u1, 007 ,soon\nu1,i4\n")
    (batch,) = read_log(DataConfig(path=str(path)))
    short, timeless = batch.rejected
    assert timeless.values == {"user_id": "u1", "item_id": " 007 ", "timestamp": "soon"}
    assert short.values == {"line": "u1,i4"}
    assert short.file == timeless.file == str(path)


def test_ids_keep_their_exact_text(tmp_path):
    ids = ["1", "1.0", "007", "1e3", "NaN", "NULL", "é", " a ", "True"]
    text = HEADER + "".join(f"{name},{name},{time}\n" for time, name in enumerate(ids))
    events, rejected = read(write(tmp_path / "log.csv", text))
    assert [(user, item) for user, item, _, _ in events] == [(name, name) for name in ids]
    assert not rejected


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_stray_quote_costs_its_own_line_at_most(tmp_path, end):
    lines = ["user_id,item_id,timestamp,note", 'u1,i1,1,"open', "u1,i2,2,", 'u1,"i,3",3,"a ""b"""', 'u1,i4,4,5" x,"y']
    lines += [f"u{n},i,{n}," for n in range(5, 40)]
    events, rejected = read(write(tmp_path / "log.csv", end.join(lines) + end))
    assert [row for _, _, _, row in events] == [3, 4, *range(6, 41)]
    assert events[1][1] == "i,3"
    assert sorted(rejected) == [(2, "wrong number of fields"), (5, "wrong number of fields")]


def test_quotes_in_tab_separated_text_are_plain_characters(tmp_path):
    path = write(tmp_path / "log.tsv", 'user_id\titem_id\ttimestamp\n"u1\ti"1\t1\nu2\ti2\t2\n')
    events, rejected = read(path, delimiter="\t")
    assert [(user, item) for user, item, _, _ in events] == [('"u1', 'i"1'), ("u2", "i2")]
    assert not rejected


def test_text_that_is_not_utf8_is_set_aside(tmp_path):
    path = write(tmp_path / "log.csv", HEADER.encode() + b"u\xff,i1,1\nu2,i2,2\n")
    assert read(path) == ([("u2", "i2", 2, 3)], [(2, "not UTF-8 text")])


def test_line_numbers_hold_across_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr(csv_lines, "BLOCK_BYTES", 64)
    lines = [f"u{n},i{n},{n}" if n % 7 else "bad" for n in range(2, 200)]
    events, rejected = read(write(tmp_path / "log.csv", HEADER + "\n".join(lines)))
    assert [row for _, _, _, row in events] == [n for n in range(2, 200) if n % 7]
    assert all(item == f"i{row}" for _, item, _, row in events)
    assert rejected == [(n, "wrong number of fields") for n in range(7, 200, 7)]


def test_recbole_headers_byte_order_mark_and_other_columns(tmp_path):
    text = b"\xef\xbb\xbfrating:float\titem_id:token\tuser_id:token\ttimestamp:float\n3\ti1\tu1\t10\n"
    events, _ = read(write(tmp_path / "log.inter", text), delimiter="\t")
    assert events == [("u1", "i1", 10, 2)]


def test_large_whole_times_stay_exact(tmp_path):
    times = [2**62, 2**62 + 1, 2**62 + 2]
    text = HEADER + "".join(f"u,i,{time}\n" for time in times) + "u,i,bad\n"
    events, _ = read(write(tmp_path / "log.csv", text))
    assert [time for _, _, time, _ in events] == times


@pytest.mark.parametrize("text", ["1e3", "1000", "1000.0", " 1000 "])
def test_numbers_may_be_written_in_any_usual_way(tmp_path, text):
    events, _ = read(write(tmp_path / "log.csv", HEADER + f"u,i,{text}\n"))
    assert events == [("u", "i", 1000, 2)]


def test_gzip_holds_the_same_events(tmp_path):
    text = HEADER + "u1,i1,1\nu2,,2\n"
    plain = read(write(tmp_path / "a.csv", text))
    packed = read(write(tmp_path / "b.csv.gz", gzip.compress(text.encode())))
    assert plain == packed and plain[0] == [("u1", "i1", 1, 2)]


def test_parquet_integer_ids_become_decimal_text(tmp_path):
    table = pa.table(
        {
            "timestamp": pa.array([1.5, None, float("nan"), 2.0]),
            "user_id": pa.array([1, 2, 3, None], pa.int64()),
            "item_id": pa.array(["007", "b", "c", "d"]).dictionary_encode(),
        }
    )
    pq.write_table(table, tmp_path / "log.parquet")
    events, rejected = read(tmp_path / "log.parquet")
    assert events == [("1", "007", 1.5, 1)]
    assert rejected == [(2, "unparsable time"), (3, "unparsable time"), (4, "missing user id")]


def test_an_item_id_with_a_line_break_is_set_aside(tmp_path):
    items = ["a\nb", "c", "d\r", "e\u2028f"]
    pq.write_table(pa.table({"user_id": ["u"] * 4, "item_id": items, "timestamp": range(4)}), tmp_path / "l.parquet")
    events, rejected = read(tmp_path / "l.parquet")
    assert [item for _, item, _, _ in events] == ["c", "e\u2028f"]
    assert rejected == [(1, "line break in item id"), (3, "line break in item id")]
    events, rejected = read(write(tmp_path / "log.csv", HEADER + 'u,"a\rb",1\nu,c,2\n'))
    assert events == [("u", "c", 2, 3)] and rejected == [(2, "line break in item id")]


def test_parquet_timestamps_are_nanoseconds(tmp_path):
    moments = pa.array(np.array(["1970-01-01T00:00:01.5", "1969-12-31"], "datetime64[ns]"))
    pq.write_table(
        pa.table({"user_id": ["a", "b"], "item_id": ["x", "y"], "timestamp": moments}), tmp_path / "l.parquet"
    )
    events, _ = read(tmp_path / "l.parquet")
    assert [time for _, _, time, _ in events] == [1_500_000_000, -86400 * 10**9]


def test_parquet_ids_that_are_fractions_are_refused(tmp_path):
    pq.write_table(pa.table({"user_id": [1.0], "item_id": ["x"], "timestamp": [1]}), tmp_path / "l.parquet")
    with pytest.raises(LogError, match=r"'user_id' has type double, ids must be text or whole numbers: write it as"):
        read(tmp_path / "l.parquet")


def test_a_directory_is_read_by_name_without_hidden_and_foreign_files(tmp_path):
    write(tmp_path / "b.csv", HEADER + "u2,i2,2\n")
    write(tmp_path / "a.csv", HEADER + "u1,i1,1\n")
    for name in ("_SUCCESS", "._a.csv", "README.md", "a.csv.crc"):
        write(tmp_path / name, "nothing to read")
    events, rejected = read(tmp_path)
    assert [user for user, _, _, _ in events] == ["u1", "u2"]
    assert not rejected


@pytest.mark.parametrize(
    ("setting", "value"), [("user_column", "uid"), ("item_column", "sku"), ("time_column", "when"), ("delimiter", ";")]
)
def test_a_missing_column_names_the_key_and_the_columns_found(tmp_path, setting, value):
    path = write(tmp_path / "log.csv", HEADER + "u1,i1,1\n")
    with pytest.raises(LogError, match=f"data.{setting}") as failure:
        read(path, **{setting: value})
    assert "item_id" in str(failure.value) and "\n" not in str(failure.value)


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("user_id,item_id,timestamp,item_id", "'item_id', 'item_id'"),
        ("user_id,item_id:token,timestamp,item_id", "'item_id:token', 'item_id'"),
    ],
)
def test_a_column_named_twice_is_refused(tmp_path, header, found):
    path = write(tmp_path / "log.csv", header + "\nu,i0,1700000000,Xi0\n")
    with pytest.raises(LogError, match=rf"log\.csv has 2 columns 'item_id' \({found}\): name another in data.item_col"):
        read(path)
    names, columns = header.split(","), [pa.array(values) for values in (["u"], ["i0"], [1700000000], ["Xi0"])]
    pq.write_table(pa.Table.from_arrays(columns, names=names), tmp_path / "log.parquet")
    with pytest.raises(LogError, match=rf"log\.parquet has 2 columns 'item_id' \({found}\)"):
        read(tmp_path / "log.parquet")


def test_a_column_that_is_not_read_may_occur_twice(tmp_path):
    path = write(tmp_path / "log.csv", "user_id,price,item_id,price,timestamp\nu,1,i,2,3\n")
    assert read(path) == ([("u", "i", 3, 2)], [])


def test_one_column_cannot_be_two_things(tmp_path):
    path = write(tmp_path / "log.csv", HEADER + "u1,i1,1\n")
    with pytest.raises(LogError, match=r"^data\.user_column and data\.item_column both name the column 'user_id' of "):
        read(path, item_column="user_id")


def test_an_id_with_a_nul_byte_is_set_aside(tmp_path):
    path = write(tmp_path / "log.csv", HEADER + "u1,i1,1\nu\0,i1,2\nu1,i\0x,3\n\0\0\0\0\nu2,i2,4\n")
    events, rejected = read(path)
    assert events == [("u1", "i1", 1, 2), ("u2", "i2", 4, 6)]
    assert sorted(rejected) == [(3, "NUL byte in an id"), (4, "NUL byte in an id"), (5, "wrong number of fields")]


@pytest.mark.parametrize("name", ["log.csv", "log.tfrecord-00000-of-00002", "log.bin"])
@pytest.mark.parametrize("packed", [True, False])
def test_records_are_told_by_their_first_bytes(tmp_path, name, packed):
    made = records(tmp_path / "made.tfrecord", {"user_id": [b"u1"], "item_id": [7], "timestamp": [9]})
    path = write(tmp_path / name, gzip.compress(made.read_bytes()) if packed else made.read_bytes())
    assert read(path) == ([("u1", "7", 9, 1)], [])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1::1193::5::978300760\n", r"no column 'user_id', only '1::1193::5::978300760': .*data\.delimiter \(','\)"),
        ("user_id:token\titem_id:token\ttimestamp:float\nu\ti\t1\n", r"only 'user_id:token\\titem.*data\.delimiter"),
    ],
)
def test_files_of_other_projects_are_refused_with_what_to_change(tmp_path, text, message):
    with pytest.raises(LogError, match=message):
        read(write(tmp_path / "ratings.dat", text))


def test_nothing_to_read_is_one_clear_error(tmp_path):
    with pytest.raises(LogError, match="no log at"):
        list_log_files(str(tmp_path / "absent.csv"))
    with pytest.raises(LogError, match="No log in the directory"):
        list_log_files(str(tmp_path))
    with pytest.raises(LogError, match=r"data\.path is empty"):
        list_log_files("")
    with pytest.raises(LogError, match="no header line"):
        read(write(tmp_path / "empty.csv", ""))


def test_a_truncated_archive_is_an_error_not_a_short_log(tmp_path):
    rows = "".join(f"user{n * 7919 % 1000},item{n * 104729 % 997},{n}\n" for n in range(5000))
    packed = gzip.compress((HEADER + rows).encode())
    with pytest.raises(LogError, match="cannot be read"):
        read(write(tmp_path / "log.csv.gz", packed[: len(packed) // 2]))


def test_a_header_alone_holds_no_events(tmp_path):
    assert read(write(tmp_path / "log.csv", HEADER)) == ([], [])


def records(file: Path, *events: dict[str, list]) -> Path:
    kinds = {bytes: "bytes_list", int: "int64_list", float: "float_list"}
    with tf.io.TFRecordWriter(str(file), "GZIP" if file.suffix == ".gz" else "") as writer:
        for event in events:
            example = tf.train.Example()
            for name, values in event.items():
                getattr(example.features.feature[name], kinds[type(values[0])]).value.extend(values)
            writer.write(example.SerializeToString())
    return file


@pytest.mark.parametrize("name", ["log.tfrecord", "log.tfrecord.gz"])
def test_records_are_events(tmp_path, name):
    events = [
        {"user_id": [b"u1"], "item_id": [7], "timestamp": [10**15 + 1], "price": [1.5]},
        {"user_id": [b"u2"], "item_id": [8], "timestamp": [10**15], "pages": [1, 2]},
        {"user_id": [b"u3"], "timestamp": [5]},
    ]
    found, rejected = read(records(tmp_path / name, *events))
    assert found == [("u1", "7", 10**15 + 1, 1), ("u2", "8", 10**15, 2)]
    assert rejected == [(3, "missing item id")]


def test_times_of_records_may_be_text(tmp_path):
    events = [{"user_id": [b"u"], "item_id": [b"a"], "timestamp": [time]} for time in (b"2026-01-01", b"later")]
    found, rejected = read(records(tmp_path / "log.tfrecord", *events))
    assert found == [("u", "a", 1767225600 * 10**9, 1)] and rejected == [(2, "unparsable time")]


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ({"user": [b"u"], "item_id": [b"a"], "timestamp": [1]}, "has no column 'user_id', only 'item_id', 'timestamp'"),
        ({"user_id": [b"u"], "item_id": [b"a", b"b"], "timestamp": [1]}, "'item_id' has 2 values in a record"),
        ({"user_id": [b"u"], "item_id": [1.5], "timestamp": [1]}, "'item_id' has type float, ids must be text"),
    ],
)
def test_records_of_another_schema_are_refused(tmp_path, event, message):
    with pytest.raises(LogError, match=message):
        read(records(tmp_path / "log.tfrecord", event))


@pytest.mark.parametrize("whole", [1, 200])
def test_a_feature_of_two_types_is_refused(tmp_path, whole):
    event = {"user_id": [b"u"], "item_id": [b"a"], "timestamp": [1]}
    file = records(tmp_path / "log.tfrecord", *[event] * whole, {**event, "timestamp": [1.5]})
    with pytest.raises(LogError, match=r"cannot be read: .*(is int64 in one record and float32|types don't match)"):
        read(file)


@pytest.mark.parametrize("name", ["log.tfrecord", "log.tfrecord.gz"])
@pytest.mark.parametrize("damage", [lambda content: content[: len(content) // 2], lambda content: b"x" * 40 + content])
def test_damaged_records_are_refused_in_one_sentence(tmp_path, name, damage):
    event = {"user_id": [b"u"], "item_id": [b"a"], "timestamp": [1]}
    file = records(tmp_path / name, *[event] * 301)
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(LogError, match=r"log\.tfrecord\S* cannot be read: it is damaged or no TFRecord") as refused:
        read(file)
    assert "\n" not in str(refused.value)
