"""Validation within a training: the best model is kept, and a training that no longer gains is ended."""

import time
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from dimerec_tf.config_training import ValidationConfig
from dimerec_tf.evaluation.evaluator import compile_search, retrieve, target_ranks
from dimerec_tf.metrics.ranking import hit_rate
from dimerec_tf.models.base import SequenceModel
from dimerec_tf.retrieval.exact import ExactRetriever, ModelScorer
from dimerec_tf.terminal import say
from dimerec_tf.training.sequences import Sequences

METRIC = "HR@10"
DEPTH = 10


class Cases(NamedTuple):
    """Test cases: each one's history and its targets; 0 for a target outside the catalogue."""

    histories: Sequences
    targets: Sequences


class Validation(tf.keras.callbacks.Callback):
    """Measures HR@10 after epochs, by the exact search over the full catalogue that benchmarks use.

    At the end of training the model has the weights of the best epoch. It has to come before what records or keeps an
    epoch: it puts HR@10 into the epoch's logs.

    Args:
        model: what is trained.
        config: how often, on how many users, and for how long without a gain.
        cases: the validation split.
        filter_seen: whether the items of a history are left out.

    Attributes:
        state: what a resumed training has to have.
    """

    def __init__(self, model: SequenceModel, config: ValidationConfig, cases: Cases, filter_seen: bool) -> None:
        super().__init__()
        self.trained, self.config, self.filter_seen = model, config, filter_seen
        places = np.arange(len(cases.targets))
        if config.users < len(places):
            places = np.random.default_rng(model.seed).choice(places, config.users, replace=False)
        self.histories = [cases.histories[place].tolist() for place in places]
        self.targets = [cases.targets[place].tolist() for place in places]
        self.scorer = ModelScorer(model)
        self.search = compile_search(ExactRetriever(self.scorer))
        self.best = tf.Variable(-1.0, dtype=tf.float64, trainable=False)
        self.best_epoch = tf.Variable(0, dtype=tf.int64, trainable=False)
        self.best_weights = [tf.Variable(weight, trainable=False) for weight in model.trainable_variables]
        self.state = tf.train.Checkpoint(best=self.best, best_epoch=self.best_epoch, best_weights=self.best_weights)
        self.seconds = 0.0

    def is_over(self, epochs_done: int) -> bool:
        """Whether so many validations as `patience` says brought no gain."""
        return epochs_done - int(self.best_epoch) >= self.config.patience * self.config.every_epochs

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self.started = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if (epoch + 1) % self.config.every_epochs:
            return
        started = time.monotonic()
        rate = self._hit_rate()
        self.seconds += time.monotonic() - started
        if rate > float(self.best):
            self.best.assign(rate)
            self.best_epoch.assign(epoch + 1)
            for kept, weight in zip(self.best_weights, self.trained.trainable_variables, strict=True):
                kept.assign(weight)
        if logs is not None:
            logs[METRIC] = rate
        self.model.stop_training = self.is_over(epoch + 1)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        for kept, weight in zip(self.best_weights, self.trained.trainable_variables, strict=True):
            weight.assign(kept)
        share = self.seconds / max(time.monotonic() - self.started, 1e-9)
        say(
            f"Kept the model after epoch {int(self.best_epoch)}, with {METRIC} {float(self.best):.2%} of "
            f"{len(self.targets)} validation users; validation took {share:.1%} of the time."
        )

    def _hit_rate(self) -> float:
        self.scorer.item_vectors.assign(self.trained.item_vectors())
        rows = retrieve(self.search, self.histories, self.filter_seen, DEPTH)
        return hit_rate(target_ranks(rows, self.targets), DEPTH)
