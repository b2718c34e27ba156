"""DiffuRec: the noised target is added to the history, and a Transformer estimates the target from both."""

from typing import Any, Literal

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from dimerec_tf.baselines.approximator import Approximator
from dimerec_tf.config_base import PositiveInt
from dimerec_tf.config_baselines import GaussianDiffusionConfig, TransformerModelConfig
from dimerec_tf.config_model import Dropout, ScheduleName, Weight
from dimerec_tf.diffusion.schedule import build_schedule
from dimerec_tf.diffusion.walk import walk_forward, walk_from_noise
from dimerec_tf.layers.item_table import ItemTable
from dimerec_tf.layers.layer_norm import LayerNorm
from dimerec_tf.layers.transformer import drop
from dimerec_tf.models.base import Losses, SequenceModel
from dimerec_tf.models.history import recent_events


class DiffuRecDiffusionConfig(GaussianDiffusionConfig):
    """DiffuRec's walk."""

    num_steps: PositiveInt = 32
    schedule: ScheduleName = "truncated_linear"


class DiffuRecConfig(TransformerModelConfig):
    """DiffuRec (arXiv 2304.00686): the noised target is added to every event of a Transformer; full softmax.

    `noise_weight` is the mean and the deviation of each coordinate of the paper's lambda. `embedding_dropout` acts on
    the vectors that the Transformer reads, `dropout` within it.
    """

    kind: Literal["diffurec"]
    dim: PositiveInt = 128
    dropout: Dropout = 0.1
    embedding_dropout: Dropout = 0.3
    blocks: PositiveInt = 4
    heads: PositiveInt = 4
    noise_weight: Weight = 0.001
    diffusion: DiffuRecDiffusionConfig = DiffuRecDiffusionConfig()


class DiffuRec(SequenceModel):
    """Reverses noise to the next item's vector, given the history (arXiv 2304.00686).

    The events' vectors e_i become e_i + lambda_i (x_t + s_t), each coordinate of lambda_i ~ N(noise_weight,
    noise_weight); the state at the last one is x0_hat, and the loss its cross entropy against all items. A noised
    target belongs to one prefix, so a training step takes one prefix of each window. The walk is that of sqrt(dim) e:
    unit variance, like the noise and x0_hat.

    Args:
        config: sizes, dropout and diffusion.
        counts: `[num_items + 1]`; its length says how many items there are.
        seed: of prefixes, dropout, steps, noise and lambda.
    """

    config: DiffuRecConfig

    def __init__(self, config: DiffuRecConfig, counts: NDArray[np.int64], seed: int = 0) -> None:
        super().__init__(len(counts) - 1, {"softmax": 1.0}, seed)
        self.config = config
        self.schedule = build_schedule(config.diffusion)
        self.items = ItemTable(self.num_items, config.dim)
        self.events_norm = LayerNorm()
        self.approximator = Approximator(config.diffusion.num_steps, config.blocks, config.heads, config.dropout)
        self.query(tf.zeros([1, 1], tf.int64))

    def query(self, history: tf.Tensor) -> tf.Tensor:
        """The end of the reverse walk: `[batch, length]` rows to `[batch, 1, dim]`.

        lambda differs by step, place in the history and coordinate, not by user.
        """
        diffusion = self.config.diffusion
        rows = recent_events(history, self.config.max_history)
        events = self._events(rows)
        weights = self._weights(diffusion.num_steps + 1, tf.shape(rows)[1], [self.seed, 2])
        trajectory = walk_from_noise(
            lambda noised, step: self._estimate(events, rows, noised, step, tf.gather(weights, step)),
            tf.shape(rows)[0],
            self.config.dim,
            self.schedule.reverse_steps(diffusion.reverse_steps),
            diffusion.reverse_noise,
            self.seed,
            on_sphere=False,
        )
        return trajectory[-1][:, tf.newaxis]

    def item_vectors(self) -> tf.Tensor:
        """See `SequenceModel`."""
        return self.items.catalogue()

    def losses_of(self, windows: tf.Tensor, training: bool) -> Losses:
        """See `SequenceModel`; the mean is over windows."""
        rows, target_rows = split_at_random(windows, self.draw_seed(0))
        clean = tf.cast(self.items(target_rows), tf.float32) * self.config.dim**0.5
        last = self.schedule.num_steps
        step = tf.random.stateless_uniform(tf.shape(target_rows), self.draw_seed(1), 1, last + 1, tf.int32)
        noise = tf.random.stateless_normal(tf.shape(clean), self.draw_seed(2))
        signal = tf.gather(tf.constant(self.schedule.signal, tf.float32), step)
        estimate = self._estimate(
            self._events(rows, self.draw_seed(3) if training else None),
            rows,
            walk_forward(clean, signal, noise, "gaussian"),
            step,
            self._weights(tf.shape(rows)[0], tf.shape(rows)[1], self.draw_seed(4)),
            self.draw_seed(5) if training else None,
        )
        logits = tf.matmul(estimate, self.item_vectors(), transpose_b=True)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=target_rows - 1, logits=logits)
        return {"softmax": tf.reduce_mean(losses)}

    def window_weights(self, num_targets: tf.Tensor) -> tf.Tensor:
        """See `SequenceModel`."""
        return tf.minimum(num_targets, 1)

    def _estimate(self, *inputs: Any) -> tf.Tensor:
        """x0_hat, float32 `[batch, dim]`; inputs as of `Approximator`."""
        return tf.cast(self.approximator(*inputs), tf.float32)

    def _events(self, rows: tf.Tensor, dropout_seed: tf.Tensor | None = None) -> tf.Tensor:
        return self.events_norm(drop(self.items(rows), self.config.embedding_dropout, dropout_seed))

    def _weights(self, count: int | tf.Tensor, length: tf.Tensor, seed: Any) -> tf.Tensor:
        """lambda, `[count, length, dim]`; the same for a place however long the padding is."""
        weight, shape = self.config.noise_weight, [count, self.config.max_history, self.config.dim]
        return tf.random.stateless_normal(shape, seed, mean=weight, stddev=weight)[:, :length]


def split_at_random(windows: tf.Tensor, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Draws one target of each window, all with the same probability.

    Args:
        windows: int64 `[batch, window]` rows, zeros after the end; those of fewer than two events are left out.
        seed: int `[2]`, stateless.

    Returns:
        The histories, `[windows, window - 1]` with zeros from the target on, and the targets, `[windows]`.
    """
    num_targets = tf.math.count_nonzero(windows, axis=1) - 1
    windows, num_targets = (tf.boolean_mask(values, num_targets > 0) for values in (windows, num_targets))
    share = tf.random.stateless_uniform(tf.shape(num_targets), seed, dtype=tf.float64)
    place = 1 + tf.cast(share * tf.cast(num_targets, tf.float64), tf.int64)
    before = tf.range(tf.shape(windows, tf.int64)[1] - 1) < place[:, tf.newaxis]
    return tf.where(before, windows[:, :-1], 0), tf.gather(windows, place, batch_dims=1)
