"""Guidance by dynamic routing of capsules (ComiRec-DR; MIND with a shared map)."""

from typing import Any

import tensorflow as tf

from dimerec_tf.config_model import DimeRecConfig
from dimerec_tf.layers.prefixes import visible_events, whole_history


class DynamicRoutingInterest(tf.keras.layers.Layer):
    """Events vote for interests, and votes that agree with an interest gain weight.

    u_nk = W_nk h_n; logits b start at 0; for each iteration: w = softmax over interests of b, padding left out,
    v = squash(sum_n w u), b += <u, v>. All iterations but the last see no gradient through u.

    Args:
        num_interests: K.
        max_history: the longest history.
        iterations: of the routing.
        shared_map: one map W for all positions and interests (MIND), whose interests would stay equal from logits of
            zero: the logits then start from fixed random numbers.

    Call arguments and what is returned: see `SelfAttentiveInterest`.
    """

    def __init__(
        self, num_interests: int, max_history: int, iterations: int = 3, shared_map: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.num_interests = num_interests
        self.max_history = max_history
        self.iterations = iterations
        self.shared_map = shared_map

    @classmethod
    def configured(cls, config: DimeRecConfig) -> "DynamicRoutingInterest":
        """See `SelfAttentiveInterest`."""
        guidance = config.guidance
        return cls(config.num_interests, config.max_history, guidance.routing_iterations, guidance.shared_map)

    def build(self, input_shape: Any) -> None:
        dim = input_shape[-1]
        shape = [1, 1, dim, dim] if self.shared_map else [self.max_history, self.num_interests, dim, dim]
        self.maps = self.add_weight("maps", shape, initializer=tf.keras.initializers.RandomNormal(stddev=dim**-0.5))
        super().build(input_shape)

    def call(self, states: tf.Tensor, rows: tf.Tensor, all_prefixes: bool = False) -> tf.Tensor:
        votes = self._votes(states)
        visible = visible_events(rows > 0)
        frozen = tf.stop_gradient(votes)
        logits = self._first_logits(tf.shape(visible), votes.dtype)
        for _ in range(self.iterations - 1):
            interests = _route(logits, frozen, visible)
            logits += tf.einsum("bnkd,bpkd->bpnk", frozen, interests)
        interests = _route(logits, votes, visible)
        return interests if all_prefixes else whole_history(interests, rows > 0)

    def _votes(self, states: tf.Tensor) -> tf.Tensor:
        maps = tf.cast(self.maps, states.dtype)
        if self.shared_map:
            mapped = tf.einsum("bnd,de->bne", states, maps[0, 0])
            return tf.repeat(mapped[:, :, tf.newaxis], self.num_interests, axis=2)
        return tf.einsum("bnd,nkde->bnke", states, maps[: tf.shape(states)[1]])

    def _first_logits(self, shape: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
        full = tf.concat([shape, [self.num_interests]], axis=0)
        if not self.shared_map:
            return tf.zeros(full, dtype)
        noise = tf.random.stateless_normal([self.max_history, self.num_interests], [0, 0], dtype=tf.float32)
        return tf.broadcast_to(tf.cast(noise, dtype)[: shape[2]], full)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_interests": self.num_interests,
            "max_history": self.max_history,
            "iterations": self.iterations,
            "shared_map": self.shared_map,
        }


def _route(logits: tf.Tensor, votes: tf.Tensor, visible: tf.Tensor) -> tf.Tensor:
    """One weighing of the votes: `[batch, prefix, length, interests]` logits to `[batch, prefix, interests, dim]`."""
    weights = tf.nn.softmax(logits, axis=-1) * tf.cast(visible, logits.dtype)[..., tf.newaxis]
    return squash(tf.einsum("bpnk,bnkd->bpkd", weights, votes))


def squash(vectors: tf.Tensor) -> tf.Tensor:
    """|s|^2 / (1 + |s|^2) s/|s| over the last axis; zero stays zero."""
    square = tf.reduce_sum(vectors**2, axis=-1, keepdims=True)
    return tf.sqrt(tf.maximum(square, 1e-12)) / (1 + square) * vectors
