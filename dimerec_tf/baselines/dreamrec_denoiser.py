"""DreamRec's network: noised target, step and guidance to an estimate of the target."""

from typing import Any

import tensorflow as tf

from dimerec_tf.layers.denoiser import sinusoids


class DreamRecDenoiser(tf.keras.layers.Layer):
    """x0_hat = Dense_d([x_t ; g ; Dense_d(GELU(Dense_2d(s_t)))]), s_t the sinusoids of the step (arXiv 2310.20453).

    Args:
        num_steps: T.

    Call arguments:
        noised: `[samples, dim]`, x_t.
        step: int `[samples]` in 1..num_steps.
        guidance: `[samples, dim]`, g.

    Returns:
        `[samples, dim]`.
    """

    def __init__(self, num_steps: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.num_steps = num_steps

    def build(self, input_shape: Any) -> None:
        dim, policy = input_shape[-1], self.dtype_policy
        self.steps = tf.constant(sinusoids(self.num_steps + 1, dim), tf.float32)
        self.step_hidden = tf.keras.layers.Dense(2 * dim, activation="gelu", dtype=policy)
        self.step_output = tf.keras.layers.Dense(dim, dtype=policy)
        self.estimate = tf.keras.layers.Dense(dim, dtype=policy)
        super().build(input_shape)

    def call(self, noised: tf.Tensor, step: tf.Tensor, guidance: tf.Tensor) -> tf.Tensor:
        embedded = self.step_output(self.step_hidden(tf.gather(tf.cast(self.steps, noised.dtype), step)))
        return self.estimate(tf.concat([noised, tf.cast(guidance, noised.dtype), embedded], axis=-1))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "num_steps": self.num_steps}
