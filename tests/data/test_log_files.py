"""Which files of a directory are a log: each is read, refused by name, or named as left out."""

import bz2
import logging
import os
from pathlib import Path

import pyarrow as pa
import pytest

from dimerec_tf.config import DataConfig
from dimerec_tf.data.log_files import LogError, choose_files, find_log_files
from dimerec_tf.data.log_reader import read_log

HEADER = "user_id,item_id,timestamp\n"


@pytest.mark.parametrize(
    "name",
    [
        *("a.csv", "A.CSV", "a.Tsv", "a.inter", "a.csv.gz", "a.csv.bz2", "a.CSV.ZST", "a.csv.zip", "a.parquet"),
        *("a.PARQUET", "a.tfrecord", "a.tfrecords", "a.tfrecord.gz", "events.tfrecord-00000-of-00002"),
        *("events-00000-of-00002.tfrecord", "events.csv-00001-of-00002", "data.tfrecord-00000-of-00001.gz"),
    ],
)
def test_files_with_these_names_are_read(name: str) -> None:
    assert choose_files("clicks", [name, "b.csv"]).read == sorted([name, "b.csv"])


@pytest.mark.parametrize(
    "name",
    [
        *("a.txt", "u.data", "ratings.dat", "a.jsonl", "a.json", "a.ndjson", "a.csv.xz", "a.csv.lz4", "a.gz", "a.zip"),
        *("a.tar.gz", "a.avro", "a.orc", "a.feather", "a.xlsx", "a.parq", "part-00000", "a.tfrecord.zst"),
        *("old/a.csv", "day=1/B.PARQUET"),
    ],
)
def test_what_looks_like_a_log_stops_the_run_by_name(name: str) -> None:
    with pytest.raises(LogError) as refused:
        choose_files("clicks", ["b.csv", name])
    assert str(refused.value).startswith(
        f"The directory clicks holds what looks like a log and would not be read: 1 file ({name}). "
    )


@pytest.mark.parametrize(
    "name", ["README.md", "readme.txt", "LICENSE.txt", "_SUCCESS", ".a.csv", "a.csv.crc", "_temporary/a.csv", "docs/"]
)
def test_other_files_are_left_out_and_said_to_be(name: str) -> None:
    chosen = choose_files("clicks", ["b.csv", name])
    assert chosen.read == ["b.csv"] and chosen.left_out == [name]
    assert chosen.notice("clicks") == f"Reading 1 file (b.csv) of clicks. Left out: 1 file ({name})."


def test_a_directory_of_many_kinds_is_refused_with_those_that_would_be_lost(tmp_path: Path) -> None:
    """Of six log files two were read, and the others passed over."""
    text = HEADER + "u,i,1\n"
    for name in ("day1.csv", "DAY2.CSV", "day4.txt"):
        (tmp_path / name).write_text(text)
    (tmp_path / "day3.csv.bz2").write_bytes(bz2.compress(text.encode()))
    (tmp_path / "day5.jsonl").write_text("{}\n")
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "day0.csv").write_text(text)
    with pytest.raises(LogError, match=r"3 files \(day4\.txt, day5\.jsonl, old/day0\.csv\)"):
        find_log_files(str(tmp_path))
    for name in ("day4.txt", "day5.jsonl", "old/day0.csv"):
        (tmp_path / name).unlink()
    batches = list(read_log(DataConfig(path=str(tmp_path))))
    assert [Path(batch.file).name for batch in batches] == ["DAY2.CSV", "day1.csv", "day3.csv.bz2"]
    assert sum(len(batch.rows) for batch in batches) == 3


def test_what_is_read_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("a.csv", "B.csv.zst", "notes.md"):
        content = (HEADER + "u,i,1\n").encode()
        (tmp_path / name).write_bytes(pa.compress(content, "zstd", asbytes=True) if "zst" in name else content)
    with caplog.at_level(logging.INFO, "dimerec_tf.notices"):
        list(read_log(DataConfig(path=str(tmp_path))))
        list(read_log(DataConfig(path=str(tmp_path / "a.csv"))))
    assert caplog.messages == [
        f"Reading 2 files (B.csv.zst, a.csv) of {tmp_path}. Left out: 1 file (notes.md).",
        f"Reading {tmp_path}/a.csv.",
    ]


def test_a_link_that_leads_nowhere_is_not_passed_over(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(HEADER)
    (tmp_path / "b.csv").symlink_to(tmp_path / "gone.csv")
    with pytest.raises(LogError, match=r"b\.csv cannot be read: .*No such file"):
        list(read_log(DataConfig(path=str(tmp_path))))


@pytest.mark.parametrize("folder", ["sales[12]", "old [red]", "x[", "day*"])
def test_a_path_is_no_pattern(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str) -> None:
    (tmp_path / folder).mkdir()
    (tmp_path / folder / "c].csv").write_text(HEADER + "u,i,1\n")
    (tmp_path / "sales1").mkdir()
    (tmp_path / "sales1" / "other.csv").write_text(HEADER + "u,i,1\n")
    monkeypatch.chdir(tmp_path)
    assert find_log_files(folder).read == [f"{folder}/c].csv"]
    assert find_log_files(f"{folder}/c].csv").read == [f"{folder}/c].csv"]


@pytest.mark.parametrize("path", ["no\0where", "x" * 300])
def test_a_path_that_cannot_be_one_is_a_sentence(tmp_path: Path, path: str) -> None:
    with pytest.raises(LogError, match=r"log at .*|no log at"):
        find_log_files(path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_directory_that_may_not_be_read_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir(mode=0)
    with pytest.raises(LogError, match="cannot be looked at"):
        find_log_files(str(tmp_path / "a"))
