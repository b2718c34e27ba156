"""Titles of items, for people."""

import csv
from pathlib import Path

from dimerec_tf.errors import DimeRecError


def read_titles(path: Path) -> dict[str, str]:
    """Reads a CSV file with the columns item_id and title, and year if there is one.

    Returns:
        Item id to `title (year)`.

    Raises:
        DimeRecError: the file cannot be read or lacks a column.
    """
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            reader = csv.DictReader(stream)
            missing = {"item_id", "title"} - set(reader.fieldnames or ())
            if missing:
                raise DimeRecError(
                    f"{path} has no column {' and no column '.join(sorted(missing))}. Its first line must name "
                    "the columns item_id and title."
                )
            return {row["item_id"]: _title(row) for row in reader}
    except (OSError, UnicodeDecodeError) as error:
        raise DimeRecError(f"Cannot read the titles: {error}. Check --titles.") from error


def _title(row: dict[str, str]) -> str:
    title, year = row["title"] or "", row.get("year")
    return f"{title} ({year})" if year else title
