"""Items that come to a trained model's catalogue or leave it, and what the item table is then."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError

from dimerec_tf.config_base import Section
from dimerec_tf.errors import DimeRecError


class ChangeRefused(DimeRecError, ValueError):
    """Changes that cannot be made."""


class NewItem(Section):
    """An item that may be recommended from now on.

    Attributes:
        item_id: what requests and answers call it.
        vector: its row of the item table, `[dim]`.
        cooccurring: or else ids of items that it occurs with, at whose mean vector it starts, as a new item does in a
            warm start; an id counts as often as it stands there. An item that was withdrawn needs neither: it comes
            back as it was.
    """

    item_id: Annotated[str, Field(pattern=r"^[^\r\n]+$")]
    vector: list[float] | None = None
    cooccurring: list[str] | None = None


@dataclass(frozen=True)
class Catalogue:
    """Item ids of rows 1 and up, of which the first `num_live` may be recommended and the others were withdrawn.

    Withdrawn items keep their vectors, since histories have them, and stand last, where no search comes to.

    Attributes:
        ids: of all items.
        num_live: how many are not withdrawn.
        table: the item table, `[len(ids) + 1, dim]`; row 0 is padding.
    """

    ids: list[str]
    num_live: int
    table: NDArray[np.float32]

    def changed(self, withdrawn: Sequence[str], new: Sequence[NewItem]) -> "Catalogue":
        """The catalogue without some items and with others, which are the least popular of it.

        An item to withdraw that the model does not know is passed over: it is not recommended anyway.

        Raises:
            ChangeRefused: a new item is there already, comes twice, is withdrawn too, or nothing says where it starts;
                or nothing is left.
        """
        rows = {item: row for row, item in enumerate(self.ids, start=1)}
        gone, added = set(withdrawn), {item.item_id for item in new}
        for item in new:
            if 0 < rows.get(item.item_id, 0) <= self.num_live:
                raise ChangeRefused(f"The new item {item.item_id!r} is in the catalogue already: leave it out.")
        if len(added) < len(new) or gone & added:
            twice = sorted(gone & added) or sorted(added)
            raise ChangeRefused(f"An item is new twice, or new and withdrawn at once; among {', '.join(twice[:5])}.")
        live = [item for item in self.ids[: self.num_live] if item not in gone]
        last = [item for item in self.ids if item in gone or (rows[item] > self.num_live and item not in added)]
        if not live and not new:
            raise ChangeRefused("All items of the catalogue are withdrawn: leave some, or take the model down.")
        vectors = {item.item_id: self._start(item, rows) for item in new}
        table = np.stack(
            [
                self.table[0],
                *(vectors[item] if item in vectors else self.table[rows[item]] for item in [*live, *vectors, *last]),
            ]
        )
        return Catalogue([*live, *vectors, *last], len(live) + len(new), table.astype(np.float32))

    def _start(self, item: NewItem, rows: dict[str, int]) -> NDArray[np.float32]:
        dim = self.table.shape[1]
        if item.vector is not None:
            if len(item.vector) != dim or not np.isfinite(item.vector).all():
                raise ChangeRefused(f"The vector of {item.item_id!r} must be {dim} finite numbers, as the model's are.")
            return np.array(item.vector, np.float32)
        known = [rows[other] for other in item.cooccurring or () if other in rows]
        if known:
            return np.asarray(self.table[known].mean(axis=0))
        if item.item_id in rows and item.cooccurring is None:
            return self.table[rows[item.item_id]]
        raise ChangeRefused(
            f"Nothing says where {item.item_id!r} starts: give it a vector, or ids of items that the model knows under "
            "cooccurring."
        )


def read_withdrawn(file: Path) -> list[str]:
    """Reads item ids, one a line.

    Raises:
        ChangeRefused: the file cannot be read.
    """
    return [line for line in _lines(file) if line]


def read_new_items(file: Path) -> list[NewItem]:
    """Reads new items, one JSON object a line.

    Raises:
        ChangeRefused: the file cannot be read, or a line is no `NewItem`.
    """
    items = []
    for number, line in enumerate(_lines(file), start=1):
        if line:
            try:
                items.append(NewItem.model_validate(json.loads(line)))
            except (json.JSONDecodeError, ValidationError) as error:
                raise ChangeRefused(
                    f'Line {number} of {file} must be such as {{"item_id": "a", "cooccurring": ["b", "c"]}} or have a '
                    f"vector, got {line[:80]!r}."
                ) from error
    return items


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ChangeRefused(f"{file} cannot be read: {error}") from error
