"""Categories of items, from a file beside the log."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dimerec_tf.config import DataConfig
from dimerec_tf.data.csv_lines import LineReader
from dimerec_tf.errors import DimeRecError

COLUMNS = ("item_id", "category")
SEPARATOR = "|"


class ItemsError(DimeRecError, ValueError):
    """An item file that cannot be used; the message says where and why."""


def read_categories(data: DataConfig) -> dict[str, tuple[str, ...]]:
    """Reads `data.items_path`: text with the log's delimiter and, among others, the columns item_id and category.

    Returns:
        The categories of each item in the order of its line, which may be none.

    Raises:
        ItemsError: the file or a column is missing, a line cannot be read, or an item has no id or two lines.
    """
    categories: dict[str, tuple[str, ...]] = {}
    for line, item, text in _lines(data):
        if not item.strip():
            raise ItemsError(f"{data.items_path}, line {line}: the item id is missing.")
        if item in categories:
            raise ItemsError(
                f"{data.items_path}, line {line}: item {item!r} has a line already; several categories are separated "
                f"by {SEPARATOR} in one."
            )
        categories[item] = tuple(dict.fromkeys(name for part in text.split(SEPARATOR) if (name := part.strip())))
    return categories


def category_matrix(data: DataConfig, ids: Sequence[str]) -> NDArray[np.bool_]:
    """Which items have which categories.

    Args:
        data: names the item file.
        ids: the catalogue, in the order of its rows.

    Returns:
        `[len(ids) + 1, categories]` by row; row 0 is padding and has none.

    Raises:
        ItemsError: as for `read_categories`, or no item of the catalogue has a category.
    """
    categories = read_categories(data)
    names = sorted({name for item in ids for name in categories.get(item, ())})
    if not names:
        raise ItemsError(
            f"{data.items_path} has no category for any item of {data.path}: are these the log's item ids?"
        )
    columns = {name: column for column, name in enumerate(names)}
    matrix = np.zeros([len(ids) + 1, len(names)], bool)
    for row, item in enumerate(ids, start=1):
        matrix[row, [columns[name] for name in categories.get(item, ())]] = True
    return matrix


def _lines(data: DataConfig) -> Iterator[tuple[int, str, str]]:
    """Line number, item id and text of the categories."""
    file = data.items_path
    if not file:
        raise ItemsError("data.items_path is empty: set it to a file with the items' categories.")
    try:
        with Path(file).open("rb") as stream:
            reader = LineReader(stream, data.delimiter)
            for name in COLUMNS:
                if name not in reader.names:
                    raise ItemsError(f"{file} has no column {name!r}, only {', '.join(map(repr, reader.names))}.")
            for block in reader.read([reader.names.index(name) for name in COLUMNS]):
                for bad in block.bad[:1]:
                    raise ItemsError(f"{file}, line {bad.number}: {bad.reason}.")
                yield from zip(block.numbers.tolist(), *(column.to_pylist() for column in block.columns), strict=True)
    except ItemsError:
        raise
    except (OSError, ValueError, pa.ArrowException) as error:
        raise ItemsError(f"The item file {file} cannot be read: {error}. Check data.items_path.") from error
