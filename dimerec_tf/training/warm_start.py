"""Training that starts at a previous model's weights."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dimerec_tf.config import Config
from dimerec_tf.errors import DimeRecError
from dimerec_tf.export.load import LoadedModel
from dimerec_tf.models.base import SequenceModel
from dimerec_tf.training.item_start import WINDOW
from dimerec_tf.training.sequences import Sequences
from dimerec_tf.training.transitions import cooccurrences


class WarmStartRefused(DimeRecError, ValueError):
    """A previous model that does not fit."""


def extended_catalogue(ids: Sequence[str], former_ids: Sequence[str]) -> list[str]:
    """The catalogue of a log, and behind it the items that only the previous model knows, in its order.

    Nothing leaves a catalogue: an item that no longer occurs keeps its vector and is the least popular.
    """
    known = set(ids)
    return [*ids, *(item for item in former_ids if item not in known)]


def shortened(config: Config) -> Config:
    """The configuration with the length and learning rate of its `warm_start`."""
    assert config.warm_start
    length = config.warm_start.model_dump(include={"epochs", "learning_rate"})
    return config.model_copy(update={"training": config.training.model_copy(update=length)})


@dataclass(frozen=True)
class WarmStart:
    """Gives a new model the weights of a previous one: item vectors by item id, all others as they are.

    Attributes:
        previous: the previous model.
        config: the new model's configuration, with `warm_start`.
        ids: item ids of the new model's rows 1..num_items.
    """

    previous: LoadedModel
    config: Config
    ids: Sequence[str]

    def __call__(self, model: SequenceModel, sequences: Sequences) -> None:
        """Sets the weights of an untrained model.

        Args:
            model: its own item vectors are where new items start at random.
            sequences: training sequences of its rows, which say what a new item occurs with.

        Raises:
            WarmStartRefused: the previous model has other weights.
        """
        self._require_alike(model)
        table = self._item_vectors(model.items.table.numpy(), sequences)
        previous = self.previous.model.get_weights()
        model.set_weights(
            [
                table if weight is model.items.table else value
                for weight, value in zip(model.weights, previous, strict=True)
            ]
        )
        model.steps_trained.assign(0)  # the steps of a training say where it stands

    def _require_alike(self, model: SequenceModel) -> None:
        same_kind = self.previous.config.kind == self.config.model.kind
        if same_kind and _shapes(model) == _shapes(self.previous.model):
            return
        former, present = _flat(self.previous.config.model_dump()), _flat(self.config.model.model_dump())
        named = [key for key in present if present[key] != former.get(key)] if same_kind else ["kind"]
        there_and_here = ", ".join(f"model.{key} is {former.get(key)} there and {present[key]} here" for key in named)
        raise WarmStartRefused(
            f"The previous model has other weights than this one: {there_and_here}. Configure what shapes the weights "
            "as it was, or train without warm_start."
        )

    def _item_vectors(self, own: NDArray[np.float32], sequences: Sequences) -> NDArray[np.float32]:
        """The item table to start with, `[num_items + 1, dim]`, of which `own` has the random vectors."""
        former_rows = {item: row for row, item in enumerate(self.previous.ids, start=1)}
        rows = np.array([0, *(former_rows.get(item, 0) for item in self.ids)])
        known = rows > 0
        table = np.where(known[:, np.newaxis], self.previous.model.items.table.numpy()[rows], own)
        assert self.config.warm_start
        if self.config.warm_start.new_items == "cooccurring":
            _move_to_neighbours(table, known, sequences)
        return table


def _move_to_neighbours(table: NDArray[np.float32], known: NDArray[np.bool_], sequences: Sequences) -> None:
    """Puts the vectors of unknown items at the means of the known ones within 10 events, weighed by 1/distance; one
    without such neighbours stays.
    """
    new = np.flatnonzero(~known[1:]) + 1
    weights = cooccurrences(sequences, len(table) - 1, WINDOW)[new][:, known]
    sums = weights.sum(axis=1).A1
    placed = sums > 0
    table[new[placed]] = (weights[placed] @ table[known]) / sums[placed, np.newaxis]


def _shapes(model: SequenceModel) -> list[tuple[int, ...]]:
    """Of all weights, of the item table without the number of items."""
    return [tuple(weight.shape[weight is model.items.table :]) for weight in model.weights]


def _flat(section: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """A nested section by dotted keys."""
    flat: dict[str, Any] = {}
    for key, value in section.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return flat
