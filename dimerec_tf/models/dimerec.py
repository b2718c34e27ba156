"""DimeRec assembled: item table, guidance extraction (GEM) and diffusion aggregation (DAM) as a TFRS model."""

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from dimerec_tf.config_model import DimeRecConfig
from dimerec_tf.diffusion.schedule import build_schedule
from dimerec_tf.diffusion.sphere import normalize
from dimerec_tf.diffusion.walk import ChosenSteps, walk_forward, walk_from_noise
from dimerec_tf.layers.denoiser import Denoiser
from dimerec_tf.layers.guidance import build_guidance
from dimerec_tf.layers.guidance.present import closest_interest, fill_absent, route_hard
from dimerec_tf.layers.guidance.rule import RuleInterest, zero_absent
from dimerec_tf.layers.item_table import ItemTable
from dimerec_tf.layers.transformer import CausalTransformer
from dimerec_tf.losses import reconstruction, sampled_softmax, weighted_mean
from dimerec_tf.models.base import Losses, SequenceModel
from dimerec_tf.models.history import recent_events
from dimerec_tf.sampling import NegativeSampler

MAX_CHOSEN_STEPS = 100


class DimeRec(SequenceModel):
    """Generates a user's next interest (arXiv 2408.12153).

    The losses are L_gem, L_recon and L_ssm, the total L_gem + lambda L_recon + mu L_ssm, over every prefix. One whose
    weight is 0 is left out, and without the last two the denoiser does not learn.

    Args:
        config: sizes, temperature, loss weights and the diffusion.
        counts: int `[num_items + 1]`, how often each row is a training event, for negatives drawn by frequency.
        seed: of negatives, steps and noise.
    """

    def __init__(self, config: DimeRecConfig, counts: NDArray[np.int64], seed: int = 0) -> None:
        weights = {"gem": config.gem_weight, "recon": config.recon_weight, "ssm": config.ssm_weight}
        super().__init__(len(counts) - 1, {name: weight for name, weight in weights.items() if weight}, seed)
        self.config = config
        self.schedule = build_schedule(config.diffusion)
        self.sampler = NegativeSampler(config.negatives, counts)
        self.items = ItemTable(self.num_items, config.dim)
        backbone = config.backbone
        self.backbone = (
            CausalTransformer(backbone.blocks, backbone.heads, config.max_history, config.dropout)
            if backbone.kind == "transformer"
            else None
        )
        self.guidance = build_guidance(config)
        denoiser = config.denoiser
        self.denoiser = Denoiser(
            config.diffusion.num_steps,
            config.num_interests,
            denoiser.aggregation,
            denoiser.step_embedding,
            denoiser.residual,
            denoiser.dropout,
        )
        self.denoiser.trainable = config.recon_weight > 0 or config.ssm_weight > 0
        # Off the sphere the walk is that of sqrt(dim) e: unit variance, like its noise.
        self.walk_scale = config.dim**0.5 if config.sphere == "raw" else 1.0
        self.log_temperature = tf.Variable(
            np.log(config.temperature), dtype=tf.float32, trainable=config.learned_temperature, name="log_temperature"
        )
        self.walk(self.interests(tf.zeros([1, 1], tf.int64)))

    def interests(self, history: tf.Tensor) -> tf.Tensor:
        """The guidance sequence: `[batch, length]` rows to `[batch, interests, dim]` (zeros for an empty history)."""
        recent = recent_events(history, self.config.max_history)
        if isinstance(self.guidance, RuleInterest):  # which needs few states
            positions = self.guidance.positions(recent)
            return zero_absent(self._states(recent, wanted=tf.maximum(positions, 0)), positions)
        return self.guidance(self._states(recent), recent)

    @property
    def max_walk_steps(self) -> int:
        """The most steps that `query` can be told to take; 0 if it takes none."""
        return 0 if self.config.retrieval == "interests" else min(self.schedule.num_steps, MAX_CHOSEN_STEPS)

    def walk(
        self,
        guidance: tf.Tensor,
        sample: int = 0,
        num_steps: tf.Tensor | None = None,
        seed: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """The reverse walk (Algorithm 2): `[batch, interests, dim]` to its trajectory `[steps, batch, dim]`.

        Each `sample` starts from a point of its own and draws noise of its own. See `query` for the rest.
        """
        diffusion = self.config.diffusion
        own_steps = self.schedule.reverse_steps(diffusion.reverse_steps)
        chosen = range(1, self.max_walk_steps + 1)
        trajectory = walk_from_noise(
            lambda noised, step: self.walk_scale * self._estimate(noised / self.walk_scale, step, guidance),
            tf.shape(guidance)[0],
            self.config.dim,
            own_steps
            if num_steps is None
            else ChosenSteps([own_steps, *map(self.schedule.reverse_steps, chosen)], num_steps),
            diffusion.reverse_noise,
            self.seed if seed is None else seed,
            on_sphere=self.config.sphere != "raw",
            sample=sample,
        )
        return trajectory / self.walk_scale

    def query(self, history: tf.Tensor, num_steps: tf.Tensor | None = None, seed: tf.Tensor | None = None) -> tf.Tensor:
        """What `retrieval` names: `[batch, length]` rows to next interests e_u, `[batch, samples, dim]`, or to the
        interests as L_gem scores items, `[batch, interests, dim]`.

        Args:
            history: rows `[batch, length]`.
            num_steps: int32 scalar, of the reverse walk: 0 or None for `reverse_steps`, at most `max_walk_steps`.
            seed: int32 scalar, of its start and noise; None for the model's own.
        """
        return self.guided_query(self.interests(history), num_steps, seed)

    def guided_query(
        self, guidance: tf.Tensor, num_steps: tf.Tensor | None = None, seed: tf.Tensor | None = None
    ) -> tf.Tensor:
        """The same for guidance `[batch, interests, dim]` that is there already."""
        if self.config.retrieval == "interests":
            return fill_absent(self._scored(guidance))
        samples = range(self.config.diffusion.samples)
        return tf.stack([self.walk(guidance, sample, num_steps, seed)[-1] for sample in samples], axis=1)

    def item_vectors(self) -> tf.Tensor:
        """See `SequenceModel`."""
        return self._scored(self.items.catalogue())

    def losses_of(self, windows: tf.Tensor, training: bool) -> Losses:
        """See `SequenceModel`."""
        history, targets = windows[:, :-1], windows[:, 1:]
        states = self._states(history, self.draw_seed(0) if training else None)
        guidance = self.guidance(states, history, all_prefixes=True)
        dropout_seed = self.draw_seed(6) if training else None
        if self.sampler.compiled:  # all positions: how many targets there are is no shape that XLA could know
            guidance = tf.reshape(guidance, [-1, *guidance.shape[2:]])
            return self._target_losses(guidance, tf.reshape(targets, [-1]), dropout_seed)
        is_target = targets > 0
        guidance = tf.boolean_mask(guidance, is_target)
        return self._target_losses(guidance, tf.boolean_mask(targets, is_target), dropout_seed)

    def routed(self, windows: tf.Tensor) -> tf.Tensor:
        """See `SequenceModel`."""
        history, targets = windows[:, :-1], windows[:, 1:]
        guidance = self.guidance(self._states(history), history, all_prefixes=True)
        is_target = targets > 0
        items = self.items(tf.boolean_mask(targets, is_target))
        return closest_interest(self._scored(tf.boolean_mask(guidance, is_target)), self._scored(items))

    def _states(
        self, rows: tf.Tensor, dropout_seed: tf.Tensor | None = None, wanted: tf.Tensor | None = None
    ) -> tf.Tensor:
        """What GEM reads: item vectors, or the backbone's states of them, `[batch, length, dim]`.

        With `wanted`, positions `[batch, count]`, only those of these events.
        """
        if self.backbone is not None:
            return self.backbone(self.items(rows), rows, dropout_seed, wanted)
        vectors = self.items(rows if wanted is None else tf.gather(rows, wanted, batch_dims=1))
        if dropout_seed is None:
            return vectors
        return tf.nn.experimental.stateless_dropout(vectors, self.config.dropout, dropout_seed)

    def _target_losses(self, guidance: tf.Tensor, target_rows: tf.Tensor, dropout_seed: tf.Tensor | None) -> Losses:
        """The losses for `[samples, interests, dim]` guidance and `[samples]` targets, of which zeros do not count."""
        is_target = tf.cast(target_rows > 0, tf.float32)
        positives = self._scored(self.items(target_rows))
        drawn = self.sampler.draw(target_rows, self.shared_seed(3))
        negatives = self._scored(self.items(drawn.rows))

        def softmax_loss(query: tf.Tensor, is_unit: bool) -> tf.Tensor:
            temperature = tf.exp(self.log_temperature) if is_unit else 1.0
            losses = sampled_softmax(query, positives, negatives, target_rows, drawn.rows, temperature, drawn.log_q)
            return weighted_mean(losses, is_target)

        losses = {"gem": softmax_loss(route_hard(self._scored(guidance), positives), self.config.sphere == "all")}
        if self.denoiser.trainable:
            clean = self._walked(self.items(target_rows))
            estimate = self._denoise_once(clean, guidance, dropout_seed)
            reference = tf.stop_gradient(clean) if self.config.stop_recon_gradient else clean
            losses["recon"] = weighted_mean(reconstruction(reference, estimate), is_target)
            losses["ssm"] = softmax_loss(estimate, self.config.sphere != "raw")
        return {name: losses[name] for name in self.loss_weights}

    def _denoise_once(self, clean: tf.Tensor, guidance: tf.Tensor, dropout_seed: tf.Tensor | None) -> tf.Tensor:
        """Noises each target to a random step (Algorithm 1) and estimates it back: `[samples, dim]`.

        With `noised: estimate` the walk starts from what the model makes of pure noise instead, so that training sees
        the states of the reverse walk.
        """
        samples, last = tf.shape(clean)[0], self.schedule.num_steps
        step = tf.random.stateless_uniform([samples], self.draw_seed(1), 1, last + 1, dtype=tf.int32)
        if self.config.diffusion.noised == "estimate":
            at_last = tf.random.stateless_uniform([samples], self.draw_seed(4)) < 0.5
            step = tf.where(at_last, last, step)
            pure = self._walked(tf.random.stateless_normal(tf.shape(clean), self.draw_seed(5)) / self.walk_scale)
            clean = tf.stop_gradient(self._estimate(pure, tf.fill([samples], last), guidance))
        noise = tf.random.stateless_normal(tf.shape(clean), self.draw_seed(2))
        signal = tf.gather(tf.constant(self.schedule.signal, tf.float32), step)
        forward = "gaussian" if self.config.sphere == "raw" else self.config.diffusion.forward
        noised = walk_forward(self.walk_scale * clean, signal, noise, forward) / self.walk_scale
        return self._estimate(noised, step, guidance, dropout_seed)

    def _estimate(
        self, noised: tf.Tensor, step: tf.Tensor, guidance: tf.Tensor, dropout_seed: tf.Tensor | None = None
    ) -> tf.Tensor:
        """x0_hat, `[samples, dim]`."""
        return self._walked(self.denoiser(noised, step, guidance, dropout_seed))

    def _walked(self, vectors: tf.Tensor) -> tf.Tensor:
        """Vectors of the walk, float32: on the sphere unless `sphere` is `raw`."""
        vectors = tf.cast(vectors, tf.float32)
        return vectors if self.config.sphere == "raw" else normalize(vectors)

    def _scored(self, vectors: tf.Tensor) -> tf.Tensor:
        """Vectors of the softmaxes and the index, float32: on the sphere if `sphere` is `all`."""
        vectors = tf.cast(vectors, tf.float32)
        return normalize(vectors) if self.config.sphere == "all" else vectors
