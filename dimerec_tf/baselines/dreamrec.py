"""DreamRec: Gaussian diffusion of the next item's vector, guided by the history."""

from typing import Annotated, Literal

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from pydantic import Field

from dimerec_tf.baselines.dreamrec_denoiser import DreamRecDenoiser
from dimerec_tf.config_base import PositiveInt
from dimerec_tf.config_baselines import GaussianDiffusionConfig, TransformerModelConfig
from dimerec_tf.config_model import Dropout, ScheduleName, Weight
from dimerec_tf.diffusion.schedule import build_schedule
from dimerec_tf.diffusion.walk import walk_forward, walk_from_noise
from dimerec_tf.layers.item_table import ItemTable
from dimerec_tf.layers.prefixes import whole_history
from dimerec_tf.layers.transformer import CausalTransformer
from dimerec_tf.losses import reconstruction
from dimerec_tf.models.base import Losses, SequenceModel
from dimerec_tf.models.history import recent_events


class DreamRecDiffusionConfig(GaussianDiffusionConfig):
    """DreamRec's walk."""

    num_steps: PositiveInt = 200
    schedule: ScheduleName = "exponential"


class DreamRecConfig(TransformerModelConfig):
    """DreamRec (arXiv 2310.20453): Gaussian diffusion of the next item, guided without a classifier.

    In training the guidance is left out with the probability `unconditional`; `guidance_weight` is the paper's w.
    """

    kind: Literal["dreamrec"]
    dropout: Dropout = 0.1
    item_start: Literal["random"] = "random"
    blocks: PositiveInt = 1
    heads: PositiveInt = 1
    unconditional: Annotated[float, Field(ge=0, lt=1)] = 0.1
    guidance_weight: Weight = 2.0
    diffusion: DreamRecDiffusionConfig = DreamRecDiffusionConfig()


class DreamRec(SequenceModel):
    """Generates the vector of the next item from noise (arXiv 2310.20453).

    The only loss is |x0 - x0_hat|^2. Item vectors start with unit variance, like the noise.

    Args:
        config: sizes, guidance and diffusion.
        counts: `[num_items + 1]`; its length says how many items there are.
        seed: of item vectors, dropout, steps, noise and of where the guidance is left out.
    """

    config: DreamRecConfig

    def __init__(self, config: DreamRecConfig, counts: NDArray[np.int64], seed: int = 0) -> None:
        super().__init__(len(counts) - 1, {"recon": 1.0}, seed)
        self.config = config
        self.schedule = build_schedule(config.diffusion)
        self.items = ItemTable(self.num_items, config.dim)
        self.encoder = CausalTransformer(config.blocks, config.heads, config.max_history, config.dropout)
        self.denoiser = DreamRecDenoiser(config.diffusion.num_steps)
        unit_normal = tf.random.stateless_normal([self.num_items + 2, config.dim], [seed, 2])  # the walk has 0 and 1
        self.no_guidance = tf.Variable(unit_normal[0], name="no_guidance")
        self.query(tf.zeros([1, 1], tf.int64))
        self.items.table.assign(unit_normal[1:])

    def query(self, history: tf.Tensor) -> tf.Tensor:
        """The end of the reverse walk: `[batch, length]` rows to `[batch, 1, dim]`."""
        diffusion = self.config.diffusion
        rows = recent_events(history, self.config.max_history)
        guidance = whole_history(self.states(rows), rows > 0)
        trajectory = walk_from_noise(
            lambda noised, step: self._guided_estimate(noised, step, guidance),
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
        """See `SequenceModel`."""
        history, targets = windows[:, :-1], windows[:, 1:]
        is_target = targets > 0
        states = self.states(history, self.draw_seed(0) if training else None)
        return self.target_losses(tf.boolean_mask(states, is_target), tf.boolean_mask(targets, is_target))

    def target_losses(self, guidance: tf.Tensor, target_rows: tf.Tensor) -> Losses:
        """The losses for float32 `[samples, dim]` guidance and `[samples]` targets."""
        clean = tf.cast(self.items(target_rows), tf.float32)
        samples = tf.shape(clean)[0]
        step = tf.random.stateless_uniform([samples], self.draw_seed(1), 1, self.schedule.num_steps + 1, tf.int32)
        noise = tf.random.stateless_normal(tf.shape(clean), self.draw_seed(2))
        left_out = tf.random.stateless_uniform([samples, 1], self.draw_seed(3)) < self.config.unconditional
        signal = tf.gather(tf.constant(self.schedule.signal, tf.float32), step)
        estimate = self._estimate(
            walk_forward(clean, signal, noise, "gaussian"), step, tf.where(left_out, self.no_guidance, guidance)
        )
        return {"recon": tf.reduce_mean(reconstruction(clean, estimate))}

    def states(self, rows: tf.Tensor, dropout_seed: tf.Tensor | None = None) -> tf.Tensor:
        """The guidance after every event, float32 `[batch, length, dim]`."""
        # The encoder multiplies by sqrt(dim): meant for vectors of unit length, which these are not.
        states = self.encoder(self.items(rows) / self.config.dim**0.5, rows, dropout_seed)
        return tf.cast(states, tf.float32)

    def _guided_estimate(self, noised: tf.Tensor, step: tf.Tensor, guidance: tf.Tensor) -> tf.Tensor:
        """(1 + w) x0_hat with guidance - w x0_hat without it, `[batch, dim]`."""
        weight = self.config.guidance_weight
        without = tf.broadcast_to(self.no_guidance, tf.shape(guidance))
        return (1 + weight) * self._estimate(noised, step, guidance) - weight * self._estimate(noised, step, without)

    def _estimate(self, noised: tf.Tensor, step: tf.Tensor, guidance: tf.Tensor) -> tf.Tensor:
        """x0_hat, float32 `[samples, dim]`."""
        return tf.cast(self.denoiser(noised, step, guidance), tf.float32)
