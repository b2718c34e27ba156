"""Measures models and floors on one split of one data set, through one evaluator."""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dimerec_tf.baselines.popularity import Popularity
from dimerec_tf.baselines.sequential_rules import SequentialRules
from dimerec_tf.config import Config, DataConfig, EvaluationConfig
from dimerec_tf.data.items import ItemsError, catalogue_categories
from dimerec_tf.data.protocols import SPLIT_NAMES, UserExample
from dimerec_tf.data.splits import load_splits, no_examples
from dimerec_tf.data.vocabulary import Encoder
from dimerec_tf.evaluation.epoch_record import EpochRecord
from dimerec_tf.evaluation.evaluator import Search, compile_search, retrieve, target_ranks
from dimerec_tf.metrics.lists import summarise_lists
from dimerec_tf.metrics.ranking import Ranks, summarise
from dimerec_tf.models.base import SequenceModel
from dimerec_tf.retrieval.categories import ItemCategories
from dimerec_tf.retrieval.controllable import DiverseRetriever
from dimerec_tf.retrieval.exact import ExactRetriever, ModelScorer, Retriever, Scorer
from dimerec_tf.training.fit import Start, fit
from dimerec_tf.training.sequences import Sequences
from dimerec_tf.training.validation import Cases

Metrics = dict[str, float]
FLOORS = ("popularity", "sequential_rules")


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


@dataclass(frozen=True)
class Trained:
    """A trained model; `losses` holds each unweighted loss by name, its mean in every epoch.

    `seconds` adds up over the parts of a training that was interrupted; what was done twice counts once.
    """

    model: SequenceModel
    losses: dict[str, list[float]]
    seconds: float


class Benchmark:
    """A log, split and encoded once.

    Raises:
        LogError: a split has no example; further as for `load_splits`.
        ItemsError: there is a file of categories and it cannot be used.
    """

    def __init__(self, data: DataConfig) -> None:
        splits = load_splits(data)
        for name in SPLIT_NAMES:
            if not getattr(splits, name):
                raise no_examples(data, name)
        self.data, self.summary, self.eval, self.test = data, splits.summary, splits.eval, splits.test
        self.learn_from(splits.train)

    def learn_from(self, examples: list[UserExample]) -> None:
        """Makes these the training sequences, and their items the catalogue."""
        self.encoder = Encoder.from_training(examples, self.data.min_item_count)
        self.sequences = Sequences.from_lists(
            self.encoder.encode([*example.history, *example.targets]) for example in examples
        )
        self.counts = np.bincount(self.sequences.rows, minlength=self.encoder.num_items + 1)
        self.categories = catalogue_categories(self.data, self.encoder.ids) if self.data.items_path else None

    def run_floor(self, name: str, evaluation: EvaluationConfig) -> Run:
        """Measures one of `FLOORS`."""
        started = time.monotonic()
        if name == "popularity":
            scorer: Scorer = Popularity.fit(self.sequences, self.encoder.num_items)
        else:
            scorer = SequentialRules.fit(self.sequences, self.encoder.num_items, evaluation.rules_window)
        return self._measure(scorer, evaluation, time.monotonic() - started, parameters=0)

    def train(
        self, config: Config, checkpoint_dir: Path, log_dir: Path | None = None, start: Start | None = None
    ) -> Trained:
        """Trains a model with the configuration's seed, or goes on from what `checkpoint_dir` holds, see `fit`."""
        record = EpochRecord()
        validation = self._validation_cases() if config.training.validation else None
        items = self.encoder.num_items
        model = fit(config, self.sequences, items, checkpoint_dir, [record], validation, log_dir, start)
        losses = {loss: [epoch["losses"][loss] for epoch in record.epochs] for loss in model.loss_means}
        return Trained(model, losses, sum(epoch["seconds"] for epoch in record.epochs))

    def measure(self, trained: Trained, evaluation: EvaluationConfig) -> Run:
        """Measures a trained model."""
        parameters = sum(int(np.prod(v.shape)) for v in trained.model.trainable_variables)
        return self._measure(ModelScorer(trained.model), evaluation, trained.seconds, parameters)

    def validate(self, model: SequenceModel, evaluation: EvaluationConfig) -> Metrics:
        """Measures a model on the validation split alone."""
        return self._validate(self._compile(ExactRetriever(ModelScorer(model)), evaluation), evaluation)

    def search(
        self, retriever: Retriever, examples: list[UserExample], evaluation: EvaluationConfig
    ) -> NDArray[np.int64]:
        """The best rows of each example's history, `[examples, max(top_k)]` or as the retriever shapes them.

        Raises:
            ItemsError: there is a diversity weight, but no categories.
        """
        return self._search(self._compile(retriever, evaluation), examples, evaluation)

    def ranks(self, rows: NDArray[np.int64], examples: list[UserExample]) -> Ranks:
        """The places of the examples' targets among `[examples, depth]` rows."""
        return target_ranks(rows, self._targets(examples))

    def _targets(self, examples: list[UserExample]) -> list[list[int]]:
        return [[self.encoder.row(item) for item in example.targets] for example in examples]

    def _validation_cases(self) -> Cases:
        histories = Sequences.from_lists(self.encoder.encode(example.history) for example in self.eval)
        return Cases(histories, Sequences.from_lists(self._targets(self.eval)))

    def _compile(self, retriever: Retriever, evaluation: EvaluationConfig) -> Search:
        if evaluation.diversity_weight:
            if self.categories is None:
                raise ItemsError(
                    "evaluation.diversity_weight needs categories: set data.items_path to a file with them."
                )
            retriever = DiverseRetriever(retriever, ItemCategories(self.categories), evaluation.diversity_weight)
        return compile_search(retriever)

    def _search(self, search: Search, examples: list[UserExample], evaluation: EvaluationConfig) -> NDArray[np.int64]:
        histories = [self.encoder.encode(example.history) for example in examples]
        return retrieve(search, histories, evaluation.filter_seen, max(evaluation.top_k))

    def _validate(self, search: Search, evaluation: EvaluationConfig) -> Metrics:
        return summarise(self.ranks(self._search(search, self.eval, evaluation), self.eval), evaluation.top_k)

    def _measure(self, scorer: Scorer, evaluation: EvaluationConfig, seconds: float, parameters: int) -> Run:
        search = self._compile(ExactRetriever(scorer), evaluation)
        rows = self._search(search, self.test, evaluation)
        ranks = self.ranks(rows, self.test)
        return Run(
            metrics=summarise(ranks, evaluation.top_k),
            validation=self._validate(search, evaluation),
            lists=summarise_lists(
                rows, self.counts, evaluation.top_k, self.categories.matrix() if self.categories else None
            ),
            train_seconds=round(seconds, 1),
            parameters=parameters,
            ranks=ranks,
        )
