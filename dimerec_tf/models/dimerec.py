"""DimeRec assembled: item table, guidance extraction (GEM) and diffusion aggregation (DAM) as a TFRS model."""

import tensorflow as tf
import tensorflow_recommenders as tfrs

from dimerec_tf.config import ModelConfig
from dimerec_tf.diffusion.schedule import build_schedule
from dimerec_tf.diffusion.sphere import normalize, random_points
from dimerec_tf.diffusion.walk import walk_forward, walk_reverse
from dimerec_tf.layers.denoiser import Denoiser
from dimerec_tf.layers.interest import SelfAttentiveInterest
from dimerec_tf.layers.item_table import ItemTable
from dimerec_tf.losses import reconstruction, sampled_softmax
from dimerec_tf.models.history import keep_last


class DimeRec(tfrs.Model):
    """Generates a user's next interest (arXiv 2408.12153).

    Item rows: 0 is padding, 1..num_items the catalogue. Histories are `[batch, length]` rows, oldest first,
    left-aligned, zeros after the end.

    Args:
        config: sizes, temperature, loss weights and the diffusion.
        num_items: catalogue size without padding.
        num_negatives: shared uniform negatives per training step.
        seed: of negatives, steps and noise; training step n draws from (seed, n), so a resumed run repeats itself.
    """

    def __init__(self, config: ModelConfig, num_items: int, num_negatives: int = 1024, seed: int = 0) -> None:
        super().__init__()
        self.config = config
        self.num_items = num_items
        self.num_negatives = num_negatives
        self.seed = seed
        self.schedule = build_schedule(config.diffusion)
        self.items = ItemTable(num_items, config.dim)
        self.interest = SelfAttentiveInterest(config.num_interests, config.max_history)
        self.denoiser = Denoiser(config.diffusion.num_steps)
        self.steps_trained = tf.Variable(0, dtype=tf.int32, trainable=False, name="steps_trained")
        self.loss_means = {name: tf.keras.metrics.Mean(name=name) for name in ("gem", "recon", "ssm")}
        self.query(tf.zeros([1, 1], tf.int64))

    def interests(self, history: tf.Tensor) -> tf.Tensor:
        """The guidance sequence: `[batch, length]` rows to `[batch, interests, dim]` (zeros for an empty history)."""
        recent = keep_last(history, self.config.max_history)
        return self.interest(self.items(recent), mask=recent > 0)

    def walk(self, guidance: tf.Tensor) -> tf.Tensor:
        """The reverse walk (Algorithm 2): `[batch, interests, dim]` to its trajectory `[steps, batch, dim]`."""
        diffusion = self.config.diffusion
        batch = tf.shape(guidance)[0]
        start = tf.repeat(random_points([1, self.config.dim], [self.seed, 0]), batch, axis=0)
        return walk_reverse(
            lambda noised, step: normalize(self.denoiser(noised, step, guidance)),
            start,
            self.schedule,
            diffusion.reverse_noise,
            diffusion.reverse_steps,
            self.seed,
        )

    def query(self, history: tf.Tensor) -> tf.Tensor:
        """The next-interest vector e_u: `[batch, length]` rows to unit vectors `[batch, dim]`."""
        return self.walk(self.interests(history))[-1]

    def call(self, history: tf.Tensor) -> tf.Tensor:
        """Same as `query`, for Keras."""
        return self.query(history)

    def item_vectors(self) -> tf.Tensor:
        """What `query` is compared with: unit vectors `[num_items, dim]`, row j for item row j + 1."""
        return normalize(self.items.catalogue())

    def compute_loss(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """L = L_gem + lambda L_recon + mu L_ssm over every prefix of each window.

        Args:
            inputs: `[batch, window]` item rows, oldest first, zeros after the end. Every position but the first is the
                target of the positions before it.
            training: whether dropout acts.

        Returns:
            The scalar loss, a mean over targets.
        """
        history, targets = inputs[:, :-1], inputs[:, 1:]
        states = self.items(history)
        if training:
            self.steps_trained.assign_add(1)
            states = tf.nn.experimental.stateless_dropout(states, self.config.dropout, self._draw_seed(0))
        guidance = self.interest(states, mask=history > 0, all_prefixes=True)
        is_target = targets > 0
        losses = self._target_losses(tf.boolean_mask(guidance, is_target), tf.boolean_mask(targets, is_target))
        for name, value in losses.items():
            self.loss_means[name].update_state(value)
        return losses["gem"] + self.config.recon_weight * losses["recon"] + self.config.ssm_weight * losses["ssm"]

    def _target_losses(self, guidance: tf.Tensor, target_rows: tf.Tensor) -> dict[str, tf.Tensor]:
        """The three losses for `[samples, interests, dim]` guidance and `[samples]` targets."""
        clean = normalize(self.items(target_rows))
        negative_rows = self._draw_negatives()
        negatives = normalize(self.items(negative_rows))

        def softmax_loss(query: tf.Tensor) -> tf.Tensor:
            return tf.reduce_mean(
                sampled_softmax(query, clean, negatives, target_rows, negative_rows, self.config.temperature)
            )

        estimate = self._denoise_once(clean, guidance)
        return {
            "gem": softmax_loss(route_hard(normalize(guidance), clean)),
            "recon": tf.reduce_mean(reconstruction(clean, estimate)),
            "ssm": softmax_loss(estimate),
        }

    def _denoise_once(self, clean: tf.Tensor, guidance: tf.Tensor) -> tf.Tensor:
        """Noises each target to a random step (Algorithm 1) and estimates it back: `[samples, dim]`, unit length."""
        samples = tf.shape(clean)[0]
        step = tf.random.stateless_uniform(
            [samples], self._draw_seed(1), 1, self.schedule.num_steps + 1, dtype=tf.int32
        )
        noise = tf.random.stateless_normal(tf.shape(clean), self._draw_seed(2))
        signal = tf.gather(tf.constant(self.schedule.signal, tf.float32), step)
        return normalize(self.denoiser(walk_forward(clean, signal, noise), step, guidance))

    def _draw_negatives(self) -> tf.Tensor:
        return tf.random.stateless_uniform(
            [self.num_negatives], self._draw_seed(3), 1, self.num_items + 1, dtype=tf.int64
        )

    def _draw_seed(self, purpose: int) -> tf.Tensor:
        """A seed of its own for each purpose and training step."""
        return tf.random.experimental.stateless_fold_in([self.seed, purpose], self.steps_trained)


def route_hard(guidance: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    """Picks each sample's interest closest to its target; only the chosen one gets a gradient (ComiRec's hard routing).

    Args:
        guidance: `[samples, interests, dim]`.
        target: `[samples, dim]`.

    Returns:
        `[samples, dim]`.
    """
    agreement = tf.einsum("skd,sd->sk", guidance, target)
    return tf.gather(guidance, tf.argmax(agreement, axis=1), axis=1, batch_dims=1)
