"""Titles of items, for people."""

import csv
from functools import partial
from io import StringIO
from pathlib import Path

from dimerec_tf.data.file_contents import READ_ERRORS, text_of
from dimerec_tf.errors import DimeRecError

READ_BYTES = 1 << 20


def read_titles(path: Path) -> dict[str, str]:
    """Reads a CSV file with the columns item_id and title, and year if there is one.

    Returns:
        Item id to `title (year)`.

    Raises:
        DimeRecError: the file cannot be read or lacks a column.
    """
    try:
        with path.open("rb") as stream:
            text = b"".join(iter(partial(text_of(stream).read, READ_BYTES), b"")).decode("utf-8-sig")
        return _titles(path, csv.DictReader(StringIO(text, newline="")))
    except READ_ERRORS as error:
        raise DimeRecError(f"Cannot read the titles {path}: {error}. Check --titles.") from error


def _titles(path: Path, rows: "csv.DictReader[str]") -> dict[str, str]:
    names = list(rows.fieldnames or ())
    missing = sorted({"item_id", "title"} - set(names))
    if missing:
        raise DimeRecError(
            f"{path} has no column {' and no column '.join(missing)}. Its first line must name the columns item_id "
            "and title."
        )
    for name in ("item_id", "title", "year"):
        if names.count(name) > 1:
            raise DimeRecError(f"{path} has {names.count(name)} columns {name}: rename or remove all but one.")
    return {row["item_id"]: _title(row) for row in rows}


def _title(row: dict[str, str]) -> str:
    title, year = row["title"] or "", row.get("year")
    return f"{title} ({year})" if year else title
