"""Measures models and floors on one split of one data set, through one evaluator."""

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dimerec_tf.baselines.popularity import Popularity
from dimerec_tf.baselines.sequential_rules import SequentialRules
from dimerec_tf.config import Config, DataConfig, EvaluationConfig
from dimerec_tf.data.items import category_matrix
from dimerec_tf.data.log_reader import LogError
from dimerec_tf.data.protocols import SPLIT_NAMES, UserExample
from dimerec_tf.data.splits import load_splits
from dimerec_tf.data.vocabulary import Encoder
from dimerec_tf.evaluation.evaluator import retrieve, target_ranks
from dimerec_tf.metrics.lists import summarise_lists
from dimerec_tf.metrics.ranking import Ranks, summarise
from dimerec_tf.retrieval.controllable import aggregate_lists
from dimerec_tf.retrieval.exact import ExactRetriever, ModelScorer, Scorer
from dimerec_tf.training.fit import fit
from dimerec_tf.training.sequences import Sequences

Metrics = dict[str, float]
FLOORS = ("popularity", "sequential_rules")
CANDIDATES = 4  # for each place of a diverse list: what ComiRec's four interests retrieve


@dataclass(frozen=True)
class Run:
    """One model with one seed on one data set.

    `metrics` and `lists` are of the test split, `validation` of the other; `ranks` are the test targets'.
    """

    metrics: Metrics
    validation: Metrics
    lists: Metrics
    train_seconds: float
    parameters: int
    ranks: Ranks


class Benchmark:
    """A log, split and encoded once.

    Raises:
        LogError: a split has no example; further as for `load_splits`.
        ItemsError: there is a file of categories, or a weight for them, and it cannot be used.
    """

    def __init__(self, data: DataConfig, evaluation: EvaluationConfig) -> None:
        self.evaluation = evaluation
        splits = load_splits(data)
        for name in SPLIT_NAMES:
            if not getattr(splits, name):
                raise LogError(f"The log {data.path} gives no {name} example ({data.split.protocol}).")
        self.encoder = Encoder.from_training(splits.train, data.min_item_count)
        self.sequences = Sequences.from_lists(
            self.encoder.encode([*example.history, *example.targets]) for example in splits.train
        )
        self.counts = np.bincount(self.sequences.rows, minlength=self.encoder.num_items + 1)
        self.eval, self.test = splits.eval, splits.test
        wanted = data.items_path or evaluation.diversity_weight
        self.categories = category_matrix(data, self.encoder.ids) if wanted else None

    def run_floor(self, name: str) -> Run:
        """Measures one of `FLOORS`."""
        started = time.monotonic()
        if name == "popularity":
            scorer: Scorer = Popularity.fit(self.sequences, self.encoder.num_items)
        else:
            scorer = SequentialRules.fit(self.sequences, self.encoder.num_items, self.evaluation.rules_window)
        return self._measure(scorer, time.monotonic() - started, parameters=0)

    def run_model(self, config: Config) -> Run:
        """Trains a model with the configuration's seed and measures it."""
        started = time.monotonic()
        model = fit(config, self.sequences, self.encoder.num_items)
        seconds = time.monotonic() - started
        return self._measure(ModelScorer(model), seconds, sum(int(np.prod(v.shape)) for v in model.trainable_variables))

    def _measure(self, scorer: Scorer, seconds: float, parameters: int) -> Run:
        validation, _ = self._ranks(scorer, self.eval)
        ranks, rows = self._ranks(scorer, self.test)
        top_k = self.evaluation.top_k
        return Run(
            metrics=summarise(ranks, top_k),
            validation=summarise(validation, top_k),
            lists=summarise_lists(rows, self.counts, top_k, self.categories),
            train_seconds=round(seconds, 1),
            parameters=parameters,
            ranks=ranks,
        )

    def _ranks(self, scorer: Scorer, examples: list[UserExample]) -> tuple[Ranks, NDArray[np.int64]]:
        rows = self._lists(scorer, [self.encoder.encode(example.history) for example in examples])
        return target_ranks(rows, [[self.encoder.row(item) for item in example.targets] for example in examples]), rows

    def _lists(self, scorer: Scorer, histories: list[list[int]]) -> NDArray[np.int64]:
        """Recommended rows `[histories, largest k]`."""
        depth, weight = max(self.evaluation.top_k), self.evaluation.diversity_weight
        retrieved = CANDIDATES * depth if weight else depth
        scores, rows = retrieve(ExactRetriever(scorer), histories, self.evaluation.filter_seen, retrieved)
        if self.categories is None or not weight:
            return rows
        return aggregate_lists(scores, rows, self.categories, weight, depth)
