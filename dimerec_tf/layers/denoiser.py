"""The denoiser of DAM: predicts the clean target from its noised state, the step and the guidance."""

from typing import Any

import tensorflow as tf


class Denoiser(tf.keras.layers.Layer):
    """x0_hat = Dense_d(GELU(Dense_4d([x_t ; s_t ; flatten(g)]))), s_t from a learned step table (paper section 3.3).

    Call arguments:
        noised: `[samples, dim]`, x_t.
        step: int `[samples]` in 1..num_steps.
        guidance: `[samples, interests, dim]`.

    Returns:
        `[samples, dim]`, not normalised.
    """

    def __init__(self, num_steps: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.num_steps = num_steps

    def build(self, input_shape: Any) -> None:
        dim = input_shape[-1]
        self.steps = self.add_weight(
            "steps", [self.num_steps + 1, dim], initializer=tf.keras.initializers.RandomNormal(stddev=dim**-0.5)
        )
        self.hidden = tf.keras.layers.Dense(4 * dim, activation="gelu", dtype=self.dtype_policy)
        self.output_layer = tf.keras.layers.Dense(dim, dtype=self.dtype_policy)
        super().build(input_shape)

    def call(self, noised: tf.Tensor, step: tf.Tensor, guidance: tf.Tensor) -> tf.Tensor:
        flat = tf.reshape(guidance, [tf.shape(guidance)[0], guidance.shape[1] * guidance.shape[2]])
        embedded = tf.gather(tf.cast(self.steps, noised.dtype), step)
        return self.output_layer(self.hidden(tf.concat([noised, embedded, flat], axis=-1)))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "num_steps": self.num_steps}
