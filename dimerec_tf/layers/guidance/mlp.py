"""Guidance by a plain multilayer perceptron over the padded history."""

from typing import Any

import tensorflow as tf

from dimerec_tf.config_model import DimeRecConfig
from dimerec_tf.layers.prefixes import whole_history


class MLPInterest(tf.keras.layers.Layer):
    """g = Dense_{K d}(GELU(Dense_4d(flatten(H)))) (the paper's ablation).

    The first map of a flattened history is a sum over its events, each with a matrix for its position, so running sums
    give all prefixes.

    Args:
        num_interests: K.
        max_history: the longest history.

    Call arguments and what is returned: see `SelfAttentiveInterest`.
    """

    def __init__(self, num_interests: int, max_history: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.num_interests = num_interests
        self.max_history = max_history

    @classmethod
    def configured(cls, config: DimeRecConfig) -> "MLPInterest":
        """See `SelfAttentiveInterest`."""
        return cls(config.num_interests, config.max_history)

    def build(self, input_shape: Any) -> None:
        dim = input_shape[-1]
        near_zero = tf.keras.initializers.RandomNormal(stddev=(self.max_history * dim) ** -0.5)
        self.kernel = self.add_weight("kernel", [self.max_history, dim, 4 * dim], initializer=near_zero)
        self.bias = self.add_weight("bias", [4 * dim], initializer="zeros")
        self.interests = tf.keras.layers.Dense(self.num_interests * dim, dtype=self.dtype_policy)
        self.interests.build([None, None, 4 * dim])
        super().build(input_shape)

    def call(self, states: tf.Tensor, rows: tf.Tensor, all_prefixes: bool = False) -> tf.Tensor:
        mask = rows > 0
        present = states * tf.cast(mask, states.dtype)[..., tf.newaxis]
        kernel = tf.cast(self.kernel, states.dtype)[: tf.shape(states)[1]]
        hidden = tf.nn.gelu(
            tf.cumsum(tf.einsum("bnd,ndh->bnh", present, kernel), axis=1) + tf.cast(self.bias, states.dtype)
        )
        shape = [tf.shape(states)[0], tf.shape(states)[1], self.num_interests, states.shape[-1]]
        interests = tf.reshape(self.interests(hidden), shape)
        return interests if all_prefixes else whole_history(interests, mask)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "num_interests": self.num_interests, "max_history": self.max_history}
