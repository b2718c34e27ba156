"""The item file: what is read, and what is refused."""

import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dimerec_tf.config import DataConfig
from dimerec_tf.data.items import Categories, ItemsError, catalogue_categories, items_hash, read_categories


def items(tmp_path: Path, text: str, **settings: str) -> DataConfig:
    (tmp_path / "items.csv").write_text(text)
    return DataConfig(path="log.csv", items_path=str(tmp_path / "items.csv"), **settings)


def test_an_item_has_as_many_categories_as_its_cell_names(tmp_path: Path) -> None:
    data = items(tmp_path, 'category,title,item_id\nDrama|War,"Net, The",a\n Drama ||,x,b\n,y,c\n"War, cold",z,d\n')
    assert read_categories(data) == {
        "a": ("Drama", "War"),
        "b": ("Drama",),
        "c": (),
        "d": ("War, cold",),
    }


def test_the_delimiter_is_the_logs(tmp_path: Path) -> None:
    assert read_categories(items(tmp_path, "item_id\tcategory\na\tx,y\n", delimiter="\t")) == {"a": ("x,y",)}


def test_a_file_elsewhere_is_read_by_its_address(tmp_path: Path) -> None:
    here = items(tmp_path, "item_id,category\na,x\n")
    there = here.model_copy(update={"items_path": (tmp_path / "items.csv").as_uri()})
    assert read_categories(there) == {"a": ("x",)} and items_hash(there) == items_hash(here)
    with pytest.raises(ItemsError, match="cannot be read"):
        read_categories(here.model_copy(update={"items_path": (tmp_path / "none.csv").as_uri()}))


def test_a_catalogue_has_its_rows_and_only_its_categories(tmp_path: Path) -> None:
    data = items(tmp_path, "item_id,category\nb,War|Drama\na,War\nelsewhere,Opera\nc,\n")
    categories = catalogue_categories(data, ["a", "b", "unlisted", "c"])
    assert categories == Categories(["Drama", "War"], [[], [1], [1, 0], [], []])
    assert categories.matrix().astype(int).tolist() == [
        [0, 0],
        [0, 1],
        [1, 1],
        [0, 0],
        [0, 0],
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("item_id,genres\na,x\n", r"items\.csv has no column 'category', only 'item_id', 'genres'\.$"),
        ("id,category\na,x\n", r"has no column 'item_id'"),
        ("item_id,category\na,x\nb\n", r"items\.csv, line 3: wrong number of fields\.$"),
        ("item_id,category\na,x\n ,y\n", r"line 3: the item id is missing\.$"),
        ("item_id,category\na,x\nb,x\na,y\n", r"line 4: item 'a' has a line already"),
        ("item_id,category,item_id\na,x,b\n", r"items\.csv has 2 columns 'item_id': rename or remove all but one\.$"),
        ("item_id,category\na,x\nb\0,y\n", r"line 3: the item id 'b\\x00' has a NUL byte\.$"),
        ("item_id\0,category\na,x\n", r"cannot be read: its first line has NUL bytes"),
        ("item_id,category\ra,x\nb,y\n", r"cannot be read: its first line names no columns"),
        ("", r"items\.csv cannot be read: it has no header line\. Check data\.items_path\.$"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ItemsError, match=message):
        read_categories(items(tmp_path, text))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ItemsError, match=r"absent\.csv cannot be read.*No such file.*data\.items_path"):
        read_categories(DataConfig(items_path=str(tmp_path / "absent.csv")))


def test_ids_of_another_log_are_noticed(tmp_path: Path) -> None:
    with pytest.raises(ItemsError, match=r"no category for any item of log\.csv"):
        catalogue_categories(items(tmp_path, "item_id,category\na,x\n"), ["item-a"])


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbfitem_id,category\n007,Drama\n",
        "item_id,category\n007,Drama\n".encode("utf-16"),
        gzip.compress(b"item_id,category\n007,Drama\n"),
        b"item_id,category\r007,Drama\r",
    ],
    ids=["bom", "utf16", "gzip", "cr"],
)
def test_a_file_is_text_however_it_is_written(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "items.csv").write_bytes(content)
    data = DataConfig(items_path=str(tmp_path / "items.csv"))
    assert read_categories(data) == {"007": ("Drama",)}
    assert read_categories(data.model_copy(update={"items_path": (tmp_path / "items.csv").as_uri()})) == {
        "007": ("Drama",)
    }


def test_a_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ItemsError, match=r"The item file \S+ cannot be read: .*Is a directory.*data\.items_path"):
        read_categories(DataConfig(items_path=str(tmp_path)))


def test_parquet_is_named(tmp_path: Path) -> None:
    pq.write_table(pa.table({"item_id": ["a"], "category": ["x"]}), tmp_path / "items.csv")
    with pytest.raises(ItemsError, match=r"its first bytes are those of Parquet, and it has to be text"):
        read_categories(DataConfig(items_path=str(tmp_path / "items.csv")))
