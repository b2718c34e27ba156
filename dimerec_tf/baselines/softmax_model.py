"""What the baselines that learn by a sampled softmax share."""

from abc import abstractmethod

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from dimerec_tf.config_baselines import SoftmaxModelConfig
from dimerec_tf.layers.item_table import ItemTable
from dimerec_tf.losses import sampled_softmax
from dimerec_tf.models.base import Losses, SequenceModel
from dimerec_tf.models.history import recent_events
from dimerec_tf.sampling import NegativeSampler


class SoftmaxModel(SequenceModel):
    """Vectors of the user after every event, compared with raw item vectors by inner product.

    Args:
        config: sizes, temperature and negatives.
        counts: int `[num_items + 1]`, how often each row is a training event, for negatives drawn by frequency.
        seed: of negatives and dropout.
        loss: the one loss's name.
    """

    config: SoftmaxModelConfig

    def __init__(
        self, config: SoftmaxModelConfig, counts: NDArray[np.int64], seed: int = 0, loss: str = "softmax"
    ) -> None:
        super().__init__(len(counts) - 1, {loss: 1.0}, seed)
        self.config = config
        self.sampler = NegativeSampler(config.negatives, counts)
        self.items = ItemTable(self.num_items, config.dim)

    @abstractmethod
    def vectors_of(self, rows: tf.Tensor, all_prefixes: bool, dropout_seed: tf.Tensor | None = None) -> tf.Tensor:
        """The user's vectors.

        Args:
            rows: `[batch, length]`, at most `max_history` long.
            all_prefixes: whether to return those after every event instead of after the last one.
            dropout_seed: int `[2]`; no dropout without it.

        Returns:
            `[batch, queries, dim]`, or `[batch, length, queries, dim]`.
        """

    def full_precision(self, rows: tf.Tensor) -> tf.Tensor:
        """Item vectors for a loss, float32 under every policy: `[samples]` rows to `[samples, dim]`."""
        return tf.cast(self.items(rows), tf.float32)

    def read_out(self, vectors: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
        """The vector that learns from a target: `[samples, queries, dim]` and `[samples, dim]` to `[samples, dim]`."""
        return vectors[:, 0]

    def query(self, history: tf.Tensor) -> tf.Tensor:
        """See `SequenceModel`."""
        rows = recent_events(history, self.config.max_history)
        return tf.cast(self.vectors_of(rows, all_prefixes=False), tf.float32)

    def item_vectors(self) -> tf.Tensor:
        """See `SequenceModel`."""
        return self.items.catalogue()

    def losses_of(self, windows: tf.Tensor, training: bool) -> Losses:
        """See `SequenceModel`."""
        history, targets = windows[:, :-1], windows[:, 1:]
        vectors = self.vectors_of(history, all_prefixes=True, dropout_seed=self.draw_seed(0) if training else None)
        is_target = targets > 0
        vectors = tf.boolean_mask(tf.cast(vectors, tf.float32), is_target)
        return self.target_losses(vectors, tf.boolean_mask(targets, is_target))

    def target_losses(self, vectors: tf.Tensor, target_rows: tf.Tensor) -> Losses:
        """The losses for float32 `[samples, queries, dim]` vectors and `[samples]` targets."""
        positives = self.full_precision(target_rows)
        drawn = self.sampler.draw(target_rows, self.shared_seed(1))
        losses = sampled_softmax(
            self.read_out(vectors, positives),
            positives,
            self.full_precision(drawn.rows),
            target_rows,
            drawn.rows,
            self.config.temperature,
            drawn.log_q,
        )
        return {"softmax": tf.reduce_mean(losses)}
