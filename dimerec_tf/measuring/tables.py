"""Rows of results as a Markdown table."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd


def markdown_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """A column for each key; what a row has not, or has as None, is a dash."""
    table = pd.DataFrame([{name: _text(value) for name, value in row.items()} for row in rows]).fillna("-")
    lines = [list(table.columns), ["---"] * len(table.columns), *table.to_numpy().tolist()]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{count} {status}" for status, count in value.items()) or "0"
    if isinstance(value, int):
        return f"{value:,}"
    return "-" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
