"""What is measured, in pieces that are kept one by one."""

from pathlib import Path
from typing import Any, NamedTuple

from serving.benchmark.exports import DIM, INDEXES, Case, Exports
from serving.benchmark.phases import phase_row
from serving.benchmark.search import search_rows
from serving.benchmark.served import Serving, load_rows

CONCURRENCIES = (1, 8, 32)
MORE_STEPS = (2, 5, 10)
MIDDLE = 100_000


class Settings(NamedTuple):
    """How much is measured: catalogue sizes, callers, seconds of each load, repetitions of each timing."""

    catalogues: tuple[int, ...]
    concurrencies: tuple[int, ...]
    seconds: float
    repeats: int


class Piece(NamedTuple):
    """One measurement: `search` or `phases` of a catalogue, or `load` of a served export."""

    kind: str
    catalogue: int
    serving: Serving | None = None

    def __str__(self) -> str:
        return f"{self.kind}-{self.serving or self.catalogue}"


def planned(settings: Settings) -> list[Piece]:
    """All pieces: each index at each size with one reverse step; at 100 k also more steps, and IVF without batching and
    with the preset's own size of model.
    """
    middle = MIDDLE if MIDDLE in settings.catalogues else settings.catalogues[0]
    cases = [Case(catalogue, index, 1) for catalogue in settings.catalogues for index in INDEXES]
    cases += [Case(middle, index, steps) for steps in MORE_STEPS for index in INDEXES]
    servings = [Serving(case) for case in cases]
    servings += [Serving(Case(middle, "ivf", 1), batching=False), Serving(Case(middle, "ivf", 1), dim=128)]
    return [
        *(Piece("search", catalogue) for catalogue in settings.catalogues),
        Piece("phases", middle),
        *(Piece("load", serving.case.catalogue, serving) for serving in servings),
    ]


def measure(output: Path, piece: Piece, settings: Settings) -> dict[str, list[dict[str, Any]]]:
    """Runs a piece; the rows are under the key that they have in the results."""
    exports = Exports(output, print, piece.serving.dim if piece.serving else DIM)
    if piece.kind == "search":
        return {"search": search_rows(exports, piece.catalogue, settings.repeats)}
    if piece.serving is None:
        return {"phases": [phase_row(exports, piece.catalogue, settings.repeats, settings.seconds)]}
    return {"load": load_rows(exports, piece.serving, settings.concurrencies, settings.seconds, print)}
