"""Guidance extraction (GEM): a history becomes a few interest vectors."""

from typing import Any

import tensorflow as tf


class SelfAttentiveInterest(tf.keras.layers.Layer):
    """Self-attentive interest extraction (paper section 3.2; ComiRec-SA).

    A = softmax over the history of Dense_K(tanh(Dense_4d(H + P))), g = A^T H, with P a learned position table whose
    positions count from the oldest event of the window. The logits of an event do not depend on what follows it, so
    one call gives the interests of every prefix.

    Call arguments:
        history: `[batch, length, dim]`, oldest first, `length` at most `max_history`.
        mask: bool `[batch, length]`, false at padding.
        all_prefixes: whether to return the interests of every prefix instead of those of the whole history.

    Returns:
        `[batch, interests, dim]`, or `[batch, length, interests, dim]` where entry p has seen events 0..p. A history
        (or prefix) without any event gives zeros.
    """

    def __init__(self, num_interests: int, max_history: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.num_interests = num_interests
        self.max_history = max_history

    def build(self, input_shape: Any) -> None:
        dim = input_shape[-1]
        self.positions = self.add_weight("positions", [self.max_history, dim], initializer="zeros")
        self.hidden = tf.keras.layers.Dense(4 * dim, activation="tanh", dtype=self.dtype_policy)
        self.logits = tf.keras.layers.Dense(self.num_interests, dtype=self.dtype_policy)
        self.hidden.build([None, None, dim])
        self.logits.build([None, None, 4 * dim])
        super().build(input_shape)

    def call(self, history: tf.Tensor, mask: tf.Tensor, all_prefixes: bool = False) -> tf.Tensor:
        positions = tf.cast(self.positions, history.dtype)[: tf.shape(history)[1]]
        logits = self.logits(self.hidden(history + positions))
        if not all_prefixes:
            weights = _masked_softmax(logits, mask[:, :, tf.newaxis], axis=1)
            return tf.einsum("bnk,bnd->bkd", weights, history)
        length = tf.shape(history)[1]
        causal = tf.linalg.band_part(tf.ones([length, length], tf.bool), -1, 0)
        visible = causal[tf.newaxis] & mask[:, tf.newaxis, :]
        weights = _masked_softmax(logits[:, tf.newaxis], visible[..., tf.newaxis], axis=2)
        return tf.einsum("bpnk,bnd->bpkd", weights, history)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "num_interests": self.num_interests, "max_history": self.max_history}


def _masked_softmax(logits: tf.Tensor, mask: tf.Tensor, axis: int) -> tf.Tensor:
    """Softmax over the true entries only; all false gives all zeros."""
    lowest = tf.constant(logits.dtype.min / 2, logits.dtype)
    weights = tf.nn.softmax(tf.where(mask, logits, lowest), axis=axis)
    return weights * tf.cast(mask, weights.dtype)
