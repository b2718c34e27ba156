"""Negatives of a training step: which item rows, and how likely each was to be drawn."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from dimerec_tf.config_model import NegativesConfig


class Negatives(NamedTuple):
    """Candidates that a batch shares.

    `rows`: int64 `[negatives]`. `log_q`: float32 `[num_items + 1]`, log of the expected number of times that each row
    is among them, or None where all are equally likely and a correction would change nothing.
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
    """

    def __init__(self, config: NegativesConfig, counts: NDArray[np.int64]) -> None:
        self.config = config
        self.num_items = len(counts) - 1
        frequency = np.maximum(counts[1:], 1) / np.maximum(counts[1:], 1).sum()
        self._frequency = np.concatenate([[1.0], frequency])

    def draw(self, target_rows: tf.Tensor, seed: tf.Tensor) -> Negatives:
        """Draws for a batch.

        Args:
            target_rows: int64 `[samples]`.
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
            return Negatives(tf.clip_by_value(rows, 1, self.num_items), self._log(count * self._log_uniform()))
        if self.config.kind == "in_batch":
            drawn = tf.cast(tf.shape(target_rows)[0], tf.float32)
            return Negatives(target_rows, self._log(self._frequency) + tf.math.log(drawn))
        half = count // 2
        in_batch = tf.random.experimental.stateless_shuffle(target_rows, seed)[: count - half]
        expected = half / self.num_items + tf.cast(tf.shape(in_batch)[0], tf.float32) * tf.constant(
            self._frequency, tf.float32
        )
        return Negatives(tf.concat([self._uniform(half, seed), in_batch], axis=0), tf.math.log(expected))

    def _uniform(self, count: int, seed: tf.Tensor) -> tf.Tensor:
        return tf.random.stateless_uniform([count], seed, 1, self.num_items + 1, dtype=tf.int64)

    def _log_uniform(self) -> NDArray[np.float64]:
        rows = np.arange(1, self.num_items + 1)
        return np.concatenate([[1.0], np.log1p(1 / rows) / np.log(self.num_items + 1)])

    @staticmethod
    def _log(expected: NDArray[np.float64]) -> tf.Tensor:
        return tf.constant(np.log(expected), tf.float32)
