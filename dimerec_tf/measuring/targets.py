"""Targets, as ratios of what was measured in one run."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from dimerec_tf.measuring.alone import Rows


class Target(NamedTuple):
    """A number and where it has to be; `compute` raises LookupError where the measurements for it are missing."""

    name: str
    limit: float
    at_least: bool
    compute: Callable[[Rows], float]


def target_rows(targets: Iterable[Target], results: Rows) -> list[dict[str, Any]]:
    """A row for each target whose measurements are there: `target`, `limit`, `at_least`, `measured` and `met`."""
    rows = []
    for target in targets:
        try:
            measured = target.compute(results)
        except LookupError:
            continue
        met = measured >= target.limit if target.at_least else measured <= target.limit
        rows.append(
            {
                "target": target.name,
                "limit": target.limit,
                "at_least": target.at_least,
                "measured": round(measured, 4),
                "met": met,
            }
        )
    return rows


def only(rows: list[dict[str, Any]], name: str, **wanted: Any) -> Any:
    """The value in the first row that has what is wanted.

    Raises:
        LookupError: there is none.
    """
    for row in rows:
        if wanted.items() <= row.items() and row[name] is not None:
            return row[name]
    raise LookupError(f"no row with {wanted}")
