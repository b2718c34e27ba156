"""Titles: what is read, and what is refused in a sentence."""

from pathlib import Path

import pytest

from dimerec_tf.cli.titles import read_titles
from dimerec_tf.errors import DimeRecError


@pytest.mark.parametrize(
    "content",
    [
        "\ufeffitem_id,title\n007,James\n".encode(),
        "item_id,title\n007,James\n".encode("utf-16"),
        b"item_id,title\r007,James\r",
    ],
    ids=["bom", "utf16", "cr"],
)
def test_titles_are_text_however_it_is_written(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "titles.csv").write_bytes(content)
    assert read_titles(tmp_path / "titles.csv") == {"007": "James"}


def test_a_title_may_have_any_separator_in_it(tmp_path: Path) -> None:
    (tmp_path / "titles.csv").write_text('item_id,title\na,one\u2028two\nb,"three\nfour"\n', encoding="utf-8")
    assert read_titles(tmp_path / "titles.csv") == {"a": "one\u2028two", "b": "three\nfour"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"item_id,title\n1,a\0b\n" + b"\0" * 9, r"Cannot read the titles \S+titles\.csv: line contains NUL"),
        (b"item_id,title\n1,\xff\n", "Cannot read the titles .*'utf-8' codec"),
        (b"item_id,title,title\n1,a,b\n", "has 2 columns title: rename"),
        (b"id,title\n1,a\n", "has no column item_id"),
        (b"PAR1" + bytes(99), "first bytes are those of Parquet"),
    ],
)
def test_what_cannot_be_used_is_a_sentence(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "titles.csv").write_bytes(content)
    with pytest.raises(DimeRecError, match=message) as refused:
        read_titles(tmp_path / "titles.csv")
    assert "\n" not in str(refused.value)


def test_a_directory_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(DimeRecError, match=r"Cannot read the titles .*Is a directory"):
        read_titles(tmp_path)
