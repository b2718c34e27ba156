"""Self-attentive guidance, the paper's best."""

from typing import Any

import tensorflow as tf

from dimerec_tf.config_model import DimeRecConfig
from dimerec_tf.layers.prefix_softmax import prefix_means
from dimerec_tf.layers.prefixes import masked_softmax


class SelfAttentiveInterest(tf.keras.layers.Layer):
    """Self-attentive interest extraction (paper section 3.2; ComiRec-SA).

    A = softmax over the history of Dense_K(tanh(Dense_4d(H + P))), g = A^T H, with P a learned position table whose
    positions count from the oldest event of the window. The logits of an event do not depend on what follows it, so
    one call gives the interests of every prefix, see `prefix_means`.

    Args:
        num_interests: K.
        max_history: the longest history.
        values_with_positions: g = A^T (H + P) instead.

    Call arguments:
        states: `[batch, length, dim]`, oldest first, `length` at most `max_history`.
        rows: int `[batch, length]`, the events' item rows, 0 at padding.
        all_prefixes: whether to return the interests of every prefix instead of those of the whole history.

    Returns:
        `[batch, interests, dim]`, or `[batch, length, interests, dim]` where entry p has seen events 0..p. A history
        (or prefix) without any event gives zeros.
    """

    def __init__(
        self, num_interests: int, max_history: int, values_with_positions: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.num_interests = num_interests
        self.max_history = max_history
        self.values_with_positions = values_with_positions

    @classmethod
    def configured(cls, config: DimeRecConfig) -> "SelfAttentiveInterest":
        """Made as a configuration says."""
        return cls(config.num_interests, config.max_history, config.guidance.values_with_positions)

    def build(self, input_shape: Any) -> None:
        dim = input_shape[-1]
        self.positions = self.add_weight("positions", [self.max_history, dim], initializer="zeros")
        self.hidden = tf.keras.layers.Dense(4 * dim, activation="tanh", dtype=self.dtype_policy)
        # A bias would shift all logits of an interest alike, which the softmax over events takes out again.
        self.logits = tf.keras.layers.Dense(self.num_interests, use_bias=False, dtype=self.dtype_policy)
        self.hidden.build([None, None, dim])
        self.logits.build([None, None, 4 * dim])
        super().build(input_shape)

    def call(self, states: tf.Tensor, rows: tf.Tensor, all_prefixes: bool = False) -> tf.Tensor:
        positioned = states + tf.cast(self.positions, states.dtype)[: tf.shape(states)[1]]
        logits = self.logits(self.hidden(positioned))
        values = positioned if self.values_with_positions else states
        mask = rows > 0
        if not all_prefixes:
            return tf.einsum("bnk,bnd->bkd", masked_softmax(logits, mask[:, :, tf.newaxis], axis=1), values)
        return prefix_means(logits, values, mask)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_interests": self.num_interests,
            "max_history": self.max_history,
            "values_with_positions": self.values_with_positions,
        }
