"""The denoiser of DAM: predicts the clean target from its noised state, the step and the guidance."""

from typing import Any

import numpy as np
import tensorflow as tf

from dimerec_tf.layers.guidance.present import is_present
from dimerec_tf.layers.prefixes import masked_softmax
from dimerec_tf.layers.transformer import drop

# Of full strength the correction learns faster than the guidance that it corrects, and hinders it: see docs/adr/0008.
CORRECTION = 0.1


class Denoiser(tf.keras.layers.Layer):
    """x0_hat = Dense_d(GELU(Dense_4d([x_t ; s_t ; a(g)]))), s_t the embedding of the step (paper section 3.3).

    Args:
        num_steps: T.
        num_interests: K.
        aggregation: how the guidance enters as a(g): `concat` (all interests side by side), `mean` (of those that are
            not zero), `weighted_mean` (by a learned weight for each place) or `attention` (by a query from x_t and
            s_t).
        step_embedding: `learned`, a table, or `sinusoidal`.
        dropout: on the hidden layer.
        residual: whether x0_hat is a(g) plus a tenth of that output, which starts near zero, so that an untrained
            denoiser passes the guidance on; not with `concat`.

    Call arguments:
        noised: `[samples, dim]`, x_t.
        step: int `[samples]` in 1..num_steps.
        guidance: `[samples, interests, dim]`; an interest of zeros stands for none.
        seed: int `[2]` of the dropout; none without it.

    Returns:
        `[samples, dim]`, not normalised.
    """

    def __init__(
        self,
        num_steps: int,
        num_interests: int,
        aggregation: str = "concat",
        step_embedding: str = "learned",
        residual: bool = False,
        dropout: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.num_steps = num_steps
        self.num_interests = num_interests
        self.aggregation = aggregation
        self.step_embedding = step_embedding
        self.residual = residual
        self.dropout = dropout

    def build(self, input_shape: Any) -> None:
        dim = input_shape[-1]
        if self.step_embedding == "learned":
            near_unit = tf.keras.initializers.RandomNormal(stddev=dim**-0.5)
            self.steps = self.add_weight("steps", [self.num_steps + 1, dim], initializer=near_unit)
        else:
            self.steps = tf.constant(sinusoids(self.num_steps + 1, dim), tf.float32)
        if self.aggregation == "attention":
            self.attention_query = tf.keras.layers.Dense(dim, dtype=self.dtype_policy)
        if self.aggregation == "weighted_mean":
            self.preferences = self.add_weight("preferences", [self.num_interests], initializer="zeros")
        self.hidden = tf.keras.layers.Dense(4 * dim, activation="gelu", dtype=self.dtype_policy)
        initializer = tf.keras.initializers.RandomNormal(stddev=0.02) if self.residual else "glorot_uniform"
        self.output_layer = tf.keras.layers.Dense(dim, kernel_initializer=initializer, dtype=self.dtype_policy)
        super().build(input_shape)

    def call(self, noised: tf.Tensor, step: tf.Tensor, guidance: tf.Tensor, seed: tf.Tensor | None = None) -> tf.Tensor:
        embedded = tf.gather(tf.cast(self.steps, noised.dtype), step)
        aggregated = self._aggregate(tf.concat([noised, embedded], axis=-1), guidance)
        hidden = self.hidden(tf.concat([noised, embedded, aggregated], axis=-1))
        output = self.output_layer(drop(hidden, self.dropout, seed))
        return aggregated + CORRECTION * output if self.residual else output

    def _aggregate(self, state: tf.Tensor, guidance: tf.Tensor) -> tf.Tensor:
        if self.aggregation == "concat":
            return tf.reshape(guidance, [tf.shape(guidance)[0], guidance.shape[1] * guidance.shape[2]])
        present = is_present(guidance)
        if self.aggregation == "attention":
            logits = tf.einsum("sd,skd->sk", self.attention_query(state), guidance) / guidance.shape[2] ** 0.5
        else:
            logits = tf.zeros(tf.shape(present), guidance.dtype)
            if self.aggregation == "weighted_mean":
                logits += tf.cast(self.preferences, logits.dtype)
        weights = masked_softmax(logits, present, axis=1)
        return tf.einsum("sk,skd->sd", weights, guidance)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_steps": self.num_steps,
            "num_interests": self.num_interests,
            "aggregation": self.aggregation,
            "step_embedding": self.step_embedding,
            "residual": self.residual,
            "dropout": self.dropout,
        }


def sinusoids(count: int, dim: int) -> np.ndarray:
    """The Transformer's position table, `[count, dim]`: sines in the first half, cosines in the second."""
    frequencies = 10_000.0 ** (-np.arange(dim // 2) / max(dim // 2, 1))
    angles = np.arange(count)[:, np.newaxis] * frequencies
    table = np.concatenate([np.sin(angles), np.cos(angles)], axis=1)
    return np.pad(table, [(0, 0), (0, dim - table.shape[1])])
