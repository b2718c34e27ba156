"""A causal Transformer encoder: SASRec's blocks with the normalisation in front."""

from typing import Any

import tensorflow as tf


class CausalTransformer(tf.keras.layers.Layer):
    """States in which every event knows of the events before it (SASRec, arXiv 1808.09781).

    x = E sqrt(dim) + P; for each block: x += attention(norm(x)); x += Dense_d(GELU(Dense_4d(norm(x)))); a last norm.

    Args:
        num_blocks: how many.
        num_heads: of the attention; divides the dimension.
        max_history: the longest history, for the learned position table P.
        dropout: on the embedding and on what each block adds.

    Call arguments:
        vectors: `[batch, length, dim]`, oldest first.
        rows: int `[batch, length]`, 0 at padding.
        seed: int `[2]` of the dropout; none without it.

    Returns:
        `[batch, length, dim]`; what stands at padding means nothing.
    """

    def __init__(self, num_blocks: int, num_heads: int, max_history: int, dropout: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.num_blocks = num_blocks
        self.num_heads = num_heads
        self.max_history = max_history
        self.dropout = dropout

    def build(self, input_shape: Any) -> None:
        dim = input_shape[-1]
        policy = self.dtype_policy
        self.positions = self.add_weight(
            "positions", [self.max_history, dim], initializer=tf.keras.initializers.RandomNormal(stddev=0.02)
        )
        self.attentions, self.hiddens, self.outputs_, self.norms = [], [], [], []
        for _ in range(self.num_blocks):
            self.attentions.append(
                tf.keras.layers.MultiHeadAttention(self.num_heads, dim // self.num_heads, use_bias=False, dtype=policy)
            )
            self.hiddens.append(tf.keras.layers.Dense(4 * dim, activation="gelu", dtype=policy))
            self.outputs_.append(tf.keras.layers.Dense(dim, dtype=policy))
            self.norms += [tf.keras.layers.LayerNormalization(dtype=policy) for _ in range(2)]
        self.norms.append(tf.keras.layers.LayerNormalization(dtype=policy))
        super().build(input_shape)

    def call(self, vectors: tf.Tensor, rows: tf.Tensor, seed: tf.Tensor | None = None) -> tf.Tensor:
        length, dim = tf.shape(vectors)[1], vectors.shape[-1]
        positions = tf.cast(self.positions, vectors.dtype)[:length]
        states = self._drop(vectors * tf.cast(dim, vectors.dtype) ** 0.5 + positions, seed, 0)
        present = (rows > 0)[:, tf.newaxis, :]
        for block in range(self.num_blocks):
            normed = self.norms[2 * block](states)
            attended = self.attentions[block](normed, normed, attention_mask=present, use_causal_mask=True)
            states += self._drop(attended, seed, 2 * block + 1)
            normed = self.norms[2 * block + 1](states)
            states += self._drop(self.outputs_[block](self.hiddens[block](normed)), seed, 2 * block + 2)
        return self.norms[-1](states)

    def _drop(self, states: tf.Tensor, seed: tf.Tensor | None, place: int) -> tf.Tensor:
        if seed is None or not self.dropout:
            return states
        return tf.nn.experimental.stateless_dropout(
            states, self.dropout, tf.random.experimental.stateless_fold_in(seed, place)
        )

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_blocks": self.num_blocks,
            "num_heads": self.num_heads,
            "max_history": self.max_history,
            "dropout": self.dropout,
        }
