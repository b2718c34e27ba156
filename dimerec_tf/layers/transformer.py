"""Transformer encoders: SASRec's blocks with the normalisation in front."""

from typing import Any

import tensorflow as tf

from dimerec_tf.layers.layer_norm import LayerNorm
from dimerec_tf.layers.prefixes import visible_events


class TransformerBlocks(tf.keras.layers.Layer):
    """For each block: x += attention(norm(x)); x += Dense_d(GELU(Dense_4d(norm(x)))).

    Args:
        num_blocks: how many.
        num_heads: of the attention; divides the dimension.
        causal: whether an event sees only itself and what came before it.
        dropout: on what each block adds.

    Call arguments:
        states: `[batch, length, dim]`.
        rows: int `[batch, length]`, 0 at padding, which no event sees.
        seed: int `[2]` of the dropout; none without it.
        wanted: int `[batch, count]`, the positions whose states are returned; all without it. The last block computes
            no others.

    Returns:
        `[batch, length or count, dim]`, not normalised; what stands at padding means nothing.
    """

    def __init__(
        self,
        num_blocks: int,
        num_heads: int,
        causal: bool,
        dropout: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.num_blocks = num_blocks
        self.num_heads = num_heads
        self.causal = causal
        self.dropout = dropout

    def build(self, input_shape: Any) -> None:
        dim, policy = input_shape[-1], self.dtype_policy
        self.attentions, self.hiddens, self.outputs_, self.norms = [], [], [], []
        for _ in range(self.num_blocks):
            self.attentions.append(
                tf.keras.layers.MultiHeadAttention(self.num_heads, dim // self.num_heads, use_bias=False, dtype=policy)
            )
            self.hiddens.append(tf.keras.layers.Dense(4 * dim, activation="gelu", dtype=policy))
            self.outputs_.append(tf.keras.layers.Dense(dim, dtype=policy))
            self.norms += [LayerNorm(dtype=policy) for _ in range(2)]
        super().build(input_shape)

    def call(
        self, states: tf.Tensor, rows: tf.Tensor, seed: tf.Tensor | None = None, wanted: tf.Tensor | None = None
    ) -> tf.Tensor:
        visible = (
            visible_events(rows > 0) if self.causal else tf.repeat((rows > 0)[:, tf.newaxis], tf.shape(rows)[1], axis=1)
        )
        for block in range(self.num_blocks):
            normed = self.norms[2 * block](states)
            queries = normed
            if wanted is not None and block == self.num_blocks - 1:
                states, queries, visible = (
                    tf.gather(part, wanted, axis=1, batch_dims=1) for part in (states, normed, visible)
                )
            attended = self.attentions[block](queries, normed, attention_mask=visible)
            states += drop(attended, self.dropout, seed, 2 * block)
            normed = self.norms[2 * block + 1](states)
            states += drop(self.outputs_[block](self.hiddens[block](normed)), self.dropout, seed, 2 * block + 1)
        return states

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_blocks": self.num_blocks,
            "num_heads": self.num_heads,
            "causal": self.causal,
            "dropout": self.dropout,
        }


class CausalTransformer(tf.keras.layers.Layer):
    """States in which every event knows of the events before it (SASRec, arXiv 1808.09781).

    norm(blocks(E sqrt(dim) + P)), P a learned position table.

    Args:
        num_blocks: how many.
        num_heads: of the attention; divides the dimension.
        max_history: the longest history.
        dropout: on the embedding and on what each block adds.

    Call arguments:
        vectors: `[batch, length, dim]`, oldest first.
        rows: int `[batch, length]`, 0 at padding.
        seed: int `[2]` of the dropout; none without it.
        wanted: see `TransformerBlocks`.

    Returns:
        `[batch, length or count, dim]`; what stands at padding means nothing.
    """

    def __init__(
        self,
        num_blocks: int,
        num_heads: int,
        max_history: int,
        dropout: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.num_blocks = num_blocks
        self.num_heads = num_heads
        self.max_history = max_history
        self.dropout = dropout
        self.blocks = TransformerBlocks(num_blocks, num_heads, causal=True, dropout=dropout, dtype=self.dtype_policy)
        self.norm = LayerNorm(dtype=self.dtype_policy)

    def build(self, input_shape: Any) -> None:
        near_zero = tf.keras.initializers.RandomNormal(stddev=0.02)
        self.positions = self.add_weight("positions", [self.max_history, input_shape[-1]], initializer=near_zero)
        super().build(input_shape)

    def call(
        self, vectors: tf.Tensor, rows: tf.Tensor, seed: tf.Tensor | None = None, wanted: tf.Tensor | None = None
    ) -> tf.Tensor:
        positions = tf.cast(self.positions, vectors.dtype)[: tf.shape(vectors)[1]]
        embedded = vectors * tf.cast(vectors.shape[-1], vectors.dtype) ** 0.5 + positions
        embedded = drop(embedded, self.dropout, seed, 2 * self.num_blocks)
        return self.norm(self.blocks(embedded, rows, seed, wanted))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_blocks": self.num_blocks,
            "num_heads": self.num_heads,
            "max_history": self.max_history,
            "dropout": self.dropout,
        }


def drop(values: tf.Tensor, rate: float, seed: tf.Tensor | None, place: int = 0) -> tf.Tensor:
    """Dropout that repeats itself with the `[2]` seed and the place; none without a seed."""
    if seed is None or not rate:
        return values
    return tf.nn.experimental.stateless_dropout(values, rate, tf.random.experimental.stateless_fold_in(seed, place))
