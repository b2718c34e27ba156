"""Categories of items, from a file beside the log."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyarrow.fs import FileSystem

from dimerec_tf.config import DataConfig
from dimerec_tf.data.csv_lines import LineReader
from dimerec_tf.data.file_contents import READ_ERRORS, text_of
from dimerec_tf.errors import DimeRecError

COLUMNS = ("item_id", "category")
TITLE = "title"
SEPARATOR = "|"


class ItemsError(DimeRecError, ValueError):
    """An item file that cannot be used; the message says where and why."""


class NoColumn(ItemsError):
    """An item file that lacks a column."""


@dataclass(frozen=True)
class Categories:
    """Which items of a catalogue have which categories.

    Attributes:
        names: in order of text.
        of_rows: places in `names` by item row; row 0 is padding and has none.
    """

    names: list[str]
    of_rows: list[list[int]]

    def matrix(self) -> NDArray[np.bool_]:
        """The same as `[num_items + 1, categories]`."""
        matrix = np.zeros([len(self.of_rows), len(self.names)], bool)
        for row, own in enumerate(self.of_rows):
            matrix[row, own] = True
        return matrix


def read_categories(data: DataConfig) -> dict[str, tuple[str, ...]]:
    """Reads `data.items_path`: text with the log's delimiter and, among others, the columns item_id and category.

    Returns:
        The categories of each item in the order of its line, which may be none.

    Raises:
        ItemsError: the file or a column is missing, a line cannot be read, or an item has no id or two lines.
    """
    categories: dict[str, tuple[str, ...]] = {}
    for line, item, text in _lines(data, COLUMNS):
        if not item.strip():
            raise ItemsError(f"{data.items_path}, line {line}: the item id is missing.")
        if "\0" in item:
            raise ItemsError(f"{data.items_path}, line {line}: the item id {item!r} has a NUL byte.")
        if item in categories:
            raise ItemsError(
                f"{data.items_path}, line {line}: item {item!r} has a line already; several categories are separated "
                f"by {SEPARATOR} in one."
            )
        categories[item] = tuple(dict.fromkeys(name for part in text.split(SEPARATOR) if (name := part.strip())))
    return categories


def catalogue_categories(data: DataConfig, ids: Sequence[str]) -> Categories:
    """The categories of a catalogue.

    Args:
        data: names the item file.
        ids: the catalogue, in the order of its rows.

    Raises:
        ItemsError: as for `read_categories`, or no item of the catalogue has a category.
    """
    categories = read_categories(data)
    names = sorted({name for item in ids for name in categories.get(item, ())})
    if not names:
        raise ItemsError(
            f"{data.items_path} has no category for any item of {data.path}: are these the log's item ids?"
        )
    places = {name: place for place, name in enumerate(names)}
    return Categories(names, [[], *([places[name] for name in categories.get(item, ())] for item in ids)])


def titled_items(data: DataConfig) -> set[str] | None:
    """The items with a title in `data.items_path`; None if that has no column of them.

    Raises:
        ItemsError: as for `read_categories`.
    """
    rows = _lines(data, (COLUMNS[0], TITLE))
    try:
        return {item for _, item, title in rows if title.strip()}
    except NoColumn:
        return None


def items_hash(data: DataConfig) -> str:
    """The first 12 hex digits of the item file's SHA-256; '' if there is none."""
    if not data.items_path:
        return ""
    with _open(data.items_path) as stream:
        return sha256(stream.read()).hexdigest()[:12]


def _open(file: str) -> Any:
    if "://" not in file:
        return Path(file).open("rb")
    filesystem, path = FileSystem.from_uri(file)
    return filesystem.open_input_file(path)


def _lines(data: DataConfig, columns: tuple[str, str]) -> Iterator[tuple[int, str, str]]:
    """Line number and the text of two columns."""
    file = data.items_path
    if not file:
        raise ItemsError("data.items_path is empty: set it to a file with the items' categories.")
    try:
        with _open(file) as stream:
            reader = LineReader(text_of(stream), data.delimiter)
            for block in reader.read([_find_column(file, name, reader.names) for name in columns]):
                for bad in block.bad[:1]:
                    raise ItemsError(f"{file}, line {bad.number}: {bad.reason}.")
                yield from zip(block.numbers.tolist(), *(column.to_pylist() for column in block.columns), strict=True)
    except ItemsError:
        raise
    except READ_ERRORS as error:
        raise ItemsError(f"The item file {file} cannot be read: {error}. Check data.items_path.") from error


def _find_column(file: str, name: str, names: list[str]) -> int:
    found = [i for i, each in enumerate(names) if each == name]
    if not found:
        raise NoColumn(f"{file} has no column {name!r}, only {', '.join(map(repr, names))}.")
    if len(found) > 1:
        raise ItemsError(f"{file} has {len(found)} columns {name!r}: rename or remove all but one.")
    return found[0]
