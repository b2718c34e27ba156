"""Negatives of a training step: which item rows, and how likely each was to be drawn."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from dimerec_tf.config_model import NegativesConfig

NO_TARGET = 1e9  # taken off a logit, it leaves nothing


class Negatives(NamedTuple):
    """Candidates that a batch shares.

    `rows`: int64 `[negatives]`. `log_q`: float32 `[negatives]`, log of the number of times that each one's row is
    expected among them, or None where all items are alike.
    """

    rows: tf.Tensor
    log_q: tf.Tensor | None


class NegativeSampler:
    """Draws negatives (paper section 3.2 leaves the distribution open).

    - `uniform`: every item alike.
    - `log_uniform`: rows are in order of frequency; row r has the probability log(1 + 1/r) / log(V + 1).
    - `in_batch`: the batch's targets, each as likely as it is frequent in training.
    - `mixed`: half uniform, and as many of the batch's targets as the other half holds.
    - `full`: the whole catalogue, an exact softmax.

    Args:
        config: kind and number.
        counts: `[num_items + 1]`, how often each row is a training event; index 0 is padding.

    Attributes:
        compiled: whether XLA compiles what draws, which it cannot do with a shuffle.
    """

    def __init__(self, config: NegativesConfig, counts: NDArray[np.int64]) -> None:
        self.config = config
        self.num_items = len(counts) - 1
        self.compiled = False
        rows = np.arange(1, self.num_items + 1)
        self._log_uniform = _by_row(np.log1p(1 / rows) / np.log(self.num_items + 1))
        seen = np.maximum(counts[1:], 1)
        self._frequency = _by_row(seen / seen.sum())

    def draw(self, target_rows: tf.Tensor, seed: tf.Tensor) -> Negatives:
        """Draws for a batch.

        Args:
            target_rows: int64 `[samples]`; zeros are no targets.
            seed: int `[2]`, stateless.
        """
        count = self.config.count
        if self.config.kind == "full":
            return Negatives(tf.range(1, self.num_items + 1, dtype=tf.int64), None)
        if self.config.kind == "uniform":
            return Negatives(self._uniform(count, seed), None)
        if self.config.kind == "log_uniform":
            share = tf.random.stateless_uniform([count], seed, dtype=tf.float64)
            rows = tf.cast(tf.floor(tf.exp(share * np.log(self.num_items + 1))), tf.int64)
            rows = tf.clip_by_value(rows, 1, self.num_items)
            return Negatives(rows, tf.math.log(count * tf.gather(self._log_uniform, rows)))
        if self.config.kind == "in_batch":
            return Negatives(target_rows, self._log_expected(target_rows, target_rows, 0.0))
        half = count // 2
        in_batch = self._some_of(target_rows, count - half, seed)
        rows = tf.concat([self._uniform(half, seed), in_batch], axis=0)
        return Negatives(rows, self._log_expected(rows, in_batch, half / self.num_items))

    def _some_of(self, target_rows: tf.Tensor, count: int, seed: tf.Tensor) -> tf.Tensor:
        if not self.compiled:
            return tf.random.experimental.stateless_shuffle(target_rows, seed)[:count]
        keys = tf.random.stateless_uniform(tf.shape(target_rows), seed) - tf.cast(target_rows == 0, tf.float32)
        return tf.gather(target_rows, tf.math.top_k(keys, tf.minimum(count, tf.shape(target_rows)[0])).indices)

    def _log_expected(self, rows: tf.Tensor, in_batch: tf.Tensor, uniform: float) -> tf.Tensor:
        """Where `uniform` of each row are expected besides those of the batch; very many of what is no target."""
        drawn = tf.math.count_nonzero(in_batch, dtype=tf.float32)
        expected = tf.math.log(uniform + drawn * tf.gather(self._frequency, rows))
        return tf.where(rows > 0, expected, NO_TARGET)

    def _uniform(self, count: int, seed: tf.Tensor) -> tf.Tensor:
        return tf.random.stateless_uniform([count], seed, 1, self.num_items + 1, dtype=tf.int64)


def _by_row(probabilities: NDArray[np.float64]) -> tf.Tensor:
    """Puts a place for padding in front."""
    return tf.constant(np.concatenate([[1.0], probabilities]), tf.float32)
