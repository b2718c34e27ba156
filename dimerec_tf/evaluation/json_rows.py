"""Results for programs: a JSON list of rows that several commands add to."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dimerec_tf.whole_files import write_text

Row = dict[str, Any]


def replace_rows(file: Path, rows: Sequence[Row], keys: Sequence[str]) -> list[Row]:
    """Puts rows into the list in a file, see `replaced`.

    Returns:
        All rows that the file holds now.
    """
    together = replaced(json.loads(file.read_text()) if file.exists() else [], rows, keys)
    file.parent.mkdir(parents=True, exist_ok=True)
    write_text(file, json.dumps(together, indent=2) + "\n")
    return together


def replaced(former: Sequence[Row], rows: Sequence[Row], keys: Sequence[str]) -> list[Row]:
    """Former rows without those that agree with a new one in all `keys`, and the new ones behind them.

    A row that an older release wrote may lack a key.
    """
    new = {tuple(row[key] for key in keys) for row in rows}
    return [*(row for row in former if tuple(row.get(key) for key in keys) not in new), *rows]
