"""What a file holds is told by its first bytes: packed, in another encoding, or of a kind that is not read."""

import bz2
import gzip
import io
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dimerec_tf.config import DataConfig
from dimerec_tf.data.log_reader import LogError, read_log

ROWS = "".join(f"u{n % 7},i{n * 31 % 11},{1_700_000_000 + n}\n" for n in range(3000))
TEXT = "user_id,item_id,timestamp\n" + ROWS
LARGE = "user_id,item_id,timestamp\n" + "".join(f"u{n * 7919 % 999983},i{n},{n}\n" for n in range(20_000))


def zipped(**members: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return buffer.getvalue()


def zstd(content: bytes) -> bytes:
    return pa.compress(content, codec="zstd", asbytes=True)


def parquet() -> bytes:
    rows = [line.split(",") for line in ROWS.split()]
    users, items, times = zip(*rows, strict=True)
    buffer = io.BytesIO()
    pq.write_table(pa.table({"user_id": users, "item_id": items, "timestamp": [int(time) for time in times]}), buffer)
    return buffer.getvalue()


def events(path: Path) -> list[tuple[str, str, int]]:
    batches = list(read_log(DataConfig(path=str(path))))
    assert not [row for batch in batches for row in batch.rejected]
    return [event for batch in batches for event in zip(batch.users, batch.items, batch.times.tolist(), strict=True)]


@pytest.mark.parametrize("name", ["log.csv", "log.csv.gz", "log", "LOG.TXT"])
@pytest.mark.parametrize(
    "content",
    [
        TEXT.encode(),
        gzip.compress(TEXT.encode()),
        bz2.compress(TEXT.encode()),
        zstd(TEXT.encode()),
        zstd(gzip.compress(TEXT.encode())),
        gzip.compress(gzip.compress(TEXT.encode())),
        zipped(**{"log.csv": TEXT, "__MACOSX/._log.csv": "x"}),
        TEXT.encode("utf-16"),
        b"\xfe\xff" + TEXT.encode("utf-16-be"),
        TEXT.encode("utf-32"),
        gzip.compress(TEXT.encode("utf-16")),
        b"\xef\xbb\xbf" + TEXT.encode(),
        TEXT.replace("\n", "\r").encode(),
        TEXT.replace("\n", "\r\n").encode(),
        parquet(),
    ],
    ids=[
        *("plain", "gzip", "bzip2", "zstd", "gzip-in-zstd", "twice", "zip", "utf16", "utf16be", "utf32", "utf16-gz"),
        *("bom", "cr", "crlf", "parquet"),
    ],
)
def test_the_same_events_whatever_the_name_says(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    assert events(tmp_path / name) == [
        (user, item, int(time)) for user, item, time in (line.split(",") for line in ROWS.split())
    ]


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, zstd, lambda content: zipped(**{"a": content.decode()})])
def test_half_a_packed_file_is_an_error_not_a_short_log(tmp_path: Path, pack) -> None:
    packed = pack(LARGE.encode())
    (tmp_path / "log.csv").write_bytes(packed[: len(packed) // 2])
    with pytest.raises(LogError, match=r"log\.csv cannot be read: ") as refused:
        events(tmp_path / "log.csv")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("log.csv", zipped(a="x", b="y"), r"a zip archive of 2 files \('a', 'b'\), and one of one file is read"),
        ("log.csv", zipped(), "a zip archive of 0 files"),
        ("log.csv", gzip.compress(zipped(a=TEXT)), "a zip file that is packed once more"),
        ("log.csv", gzip.compress(parquet()), "it is Parquet in gzip: unpack it"),
        ("log.csv", gzip.compress(gzip.compress(gzip.compress(gzip.compress(b"x")))), "packed 4 times"),
        ("log.csv", b"\xfd7zXZ\x00" + bytes(40), "those of an xz file, which is not read"),
        ("log.csv", b"Obj\x01" + bytes(40), "those of Avro"),
        ("log.csv", b"\xd0\xcf\x11\xe0\xa1\xb1" + bytes(40), "an Excel sheet of the old kind"),
        ("log.csv", TEXT.encode("utf-16-le"), "NUL bytes: it is no text, or UTF-16 without a byte order mark"),
        ("log.csv", TEXT.encode("utf-16")[:-1], "'utf-16-le' codec can't decode"),
        ("log.csv", b"user_id,item_id\r,timestamp\nu,i,1\n", "its first line names no columns"),
        ("log.parquet", TEXT.encode(), "its name says Parquet, and its first bytes do not"),
        ("log.tfrecord", bz2.compress(b"x" * 99), "it is TFRecord in bzip2, and in gzip alone is read"),
    ],
)
def test_what_is_not_read_is_named(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(LogError, match=message) as refused:
        events(tmp_path / name)
    assert "\n" not in str(refused.value) and name in str(refused.value)
