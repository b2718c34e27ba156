"""The exports that are measured, built once and kept."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from dimerec_tf.cli.presets import load_preset_with_data
from dimerec_tf.config import Config, vary
from dimerec_tf.evaluation.bench_runs import KeptRuns
from dimerec_tf.export.recall import sample_histories
from dimerec_tf.export.save import save_exact, save_indexed
from dimerec_tf.models.dimerec import DimeRec
from dimerec_tf.retrieval.exact import ModelScorer
from serving.benchmark.catalogue import Enlargement, enlarge, enlarged_model
from serving.loadtest.requests import History

PRESET = "ml-100k"
SIZES = {64: {"dim": 64, "max_history": 50}, 128: {"dim": 128, "max_history": 100}}
DIM = 64  # as in the preset `paper`; 128 is the preset's own
IndexKind = Literal["exact", "ivf", "scann"]
INDEXES: tuple[IndexKind, ...] = ("exact", "ivf", "scann")
SEED = 1
TUNING, MEASURING = 2, 3  # seeds of two draws of histories


@dataclass(frozen=True)
class Case:
    """An export: how many items, which index, how many reverse steps."""

    catalogue: int
    index: IndexKind
    num_steps: int

    def __str__(self) -> str:
        return f"{self.catalogue}-{self.index}-{self.num_steps}"


class Exports:
    """Trains the shipped preset in one of the `SIZES`, enlarges its catalogue and exports it.

    Args:
        directory: where training and exports are kept.
        say: is told what starts.
        dim: which size.
    """

    def __init__(self, directory: Path, say: Callable[[str], None], dim: int = DIM) -> None:
        self.directory = directory / f"dim-{dim}"
        self._say = say
        self._config = vary(load_preset_with_data(PRESET, None, None), SIZES[dim])
        self._kept = KeptRuns(self.directory / "runs", PRESET, self._config.data, say)

    def base_path(self, case: Case) -> Path:
        """The directory of versions to serve."""
        base = self.directory / "exports" / str(case)
        if not base.exists():
            self._say(f"{case}: exporting")
            unfinished = base.with_name(f".unfinished-{case}")
            self._save(case, unfinished / "1")
            unfinished.rename(base)
        return base

    def model(self, catalogue: int, num_steps: int = 1) -> DimeRec:
        """The trained model with so many items."""
        config = self._trained.config
        diffusion = config.diffusion.model_copy(update={"reverse_steps": num_steps})
        config = config.model_copy(update={"diffusion": diffusion})
        return enlarged_model(self._trained, config, self._enlarged(catalogue).vectors)

    def config(self, num_steps: int = 1) -> Config:
        """What an export with so many reverse steps is configured with."""
        config = vary(self._config, {"diffusion.reverse_steps": num_steps})
        # The items of an enlarged catalogue have ids of their own, and no categories.
        return config.model_copy(update={"data": config.data.model_copy(update={"items_path": ""})})

    def histories(self, catalogue: int, seed: int) -> NDArray[np.int64]:
        """Histories of the log as rows of a catalogue of that size, `[histories, length]`."""
        sampled = sample_histories(self._kept.benchmark.sequences, self._config.model.max_history)
        return self._enlarged(catalogue).histories(np.minimum(sampled, catalogue), seed)

    def history_ids(self, catalogue: int) -> list[History]:
        """The same for measuring, as a client sends them."""
        return [[item_id(row) for row in history if row] for history in self.histories(catalogue, MEASURING)]

    @cached_property
    def _trained(self) -> DimeRec:
        return self._kept.trained("dimerec", self._config).model

    @lru_cache(maxsize=1)  # noqa: B019 - there is one of these objects in a run
    def _enlarged(self, catalogue: int) -> Enlargement:
        return enlarge(self._trained.items.get_weights()[0][1:], catalogue, SEED)

    def _save(self, case: Case, path: Path) -> None:
        vocabulary = self.directory / f"items-{case.catalogue}.txt"
        vocabulary.parent.mkdir(parents=True, exist_ok=True)
        vocabulary.write_text("".join(f"{item_id(row)}\n" for row in range(1, case.catalogue + 1)))
        scorer, config = ModelScorer(self.model(case.catalogue, case.num_steps)), self.config(case.num_steps)
        if case.index == "exact":
            save_exact(scorer, vocabulary, config, path)
        else:
            save_indexed(case.index, scorer, self.histories(case.catalogue, TUNING), vocabulary, config, path)


def item_id(row: int) -> str:
    """What the item of a row is called."""
    return f"item-{row}"
