"""What the benchmark measures: pieces, each in a process of its own."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from dimerec_tf.measuring.alone import Rows
from dimerec_tf.training_benchmark.catalogues import CATALOGUES, DENSE_UP_TO, catalogue_rows, softmax_rows
from dimerec_tf.training_benchmark.inputs import input_rows
from dimerec_tf.training_benchmark.prefixes import prefix_rows
from dimerec_tf.training_benchmark.switches import switch_rows
from dimerec_tf.training_benchmark.systems import system_rows

FUNCTIONS: dict[str, Callable[..., list[dict[str, Any]]]] = {
    "systems": system_rows,
    "catalogues": catalogue_rows,
    "softmax": softmax_rows,
    "inputs": input_rows,
    "switches": switch_rows,
    "prefixes": prefix_rows,
}


class Piece(NamedTuple):
    """A measurement: the key of its rows and what its function takes."""

    key: str
    inputs: tuple[Any, ...]

    def __str__(self) -> str:
        return "-".join(map(str, (self.key, *self.inputs)))


def planned(repeats: int, largest: int) -> Iterator[Piece]:
    """All measurements, in the order of the page."""
    yield Piece("systems", (repeats,))
    for num_items in CATALOGUES:
        for lazy in (True, False):
            if num_items <= (largest if lazy else min(largest, DENSE_UP_TO)):
                yield Piece("catalogues", (num_items, lazy, repeats))
    for num_windows in (32, 128):
        for num_negatives in (64, 1024, 4096):
            yield Piece("softmax", (num_windows, num_negatives, repeats))
    yield Piece("inputs", (repeats * 5,))
    yield Piece("switches", (repeats,))
    yield Piece("prefixes", (repeats,))


def measure(piece: Piece) -> Rows:
    """The rows of one piece, under its key."""
    return {piece.key: FUNCTIONS[piece.key](*piece.inputs)}
