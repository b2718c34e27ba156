"""What the figures analyse: a configuration of DimeRec and its variants on one data set, each trained once."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dimerec_tf.config import Config, vary
from dimerec_tf.config_model import DimeRecConfig
from dimerec_tf.errors import DimeRecError
from dimerec_tf.evaluation.bench_runs import KeptRuns
from dimerec_tf.evaluation.benchmark import Run, Trained
from dimerec_tf.metrics.ranking import Ranks
from dimerec_tf.retrieval.exact import Retriever

Changes = Mapping[str, Any]
TOP_K = (10, 50)

# What is taken out of DimeRec, by what people call it.
FULL, WITHOUT_WALK = "full", "without walk"
ABLATIONS: dict[str, Changes] = {
    FULL: {},
    "without L_gem": {"gem_weight": 0.0},
    "without L_recon": {"recon_weight": 0.0},
    "without L_ssm": {"ssm_weight": 0.0},
    "without GEM": {"guidance.kind": "rule", "guidance.rule": "most_recent", "backbone.kind": "none"},
    "without DAM": {"recon_weight": 0.0, "ssm_weight": 0.0, "retrieval": "interests"},
    WITHOUT_WALK: {"sphere": "raw"},
}


class FigureRefused(DimeRecError):
    """A figure that this data set cannot have."""


class Study:
    """A configuration and its variants on its data set.

    Args:
        config: of a DimeRec; `evaluation.top_k` is replaced by `TOP_K`.
        dataset: what people call the data set.
        directory: where finished runs are kept.
        say: is told what starts.

    Raises:
        DimeRecError: the model is another one.
    """

    def __init__(self, config: Config, dataset: str, directory: Path, say: Callable[[str], None]) -> None:
        if not isinstance(config.model, DimeRecConfig):
            raise DimeRecError(f"The figures analyse DimeRec, but the configuration's model is {config.model.kind}.")
        evaluation = config.evaluation.model_copy(update={"top_k": TOP_K})
        self.name, self.dataset, self.model = config.name, dataset, config.model
        self.config = Config(
            seed=config.seed, data=config.data, model=config.model, training=config.training, evaluation=evaluation
        )
        self.kept = KeptRuns(directory, dataset, config.data, say)

    def trained(self, name: str, changes: Changes) -> Trained:
        """DimeRec with changes to the configuration, see `vary`; `name` is what people call it."""
        return self.kept.trained(name, vary(self.config, changes))

    def run(self, name: str, changes: Changes) -> Run:
        """The accuracy of the same."""
        return self.kept.run(name, vary(self.config, changes))

    def search(self, retriever: Retriever) -> NDArray[np.int64]:
        """The best 50 rows of each test history, `[users, ..., 50]` as the retriever gives them."""
        benchmark = self.kept.benchmark
        return benchmark.search(retriever, benchmark.test, self.config.evaluation)

    def ranks(self, rows: NDArray[np.int64]) -> Ranks:
        """The places of the test targets among retrieved rows, `[users, 50]`."""
        return self.kept.benchmark.ranks(rows, self.kept.benchmark.test)


def percent(value: float) -> float:
    """A share in percent, as tables and figures show it."""
    return round(100 * value, 3)
