"""DiffuRec's network: the history and the noised target to an estimate of the target."""

from typing import Any

import numpy as np
import tensorflow as tf

from dimerec_tf.layers.denoiser import sinusoids
from dimerec_tf.layers.layer_norm import LayerNorm
from dimerec_tf.layers.prefixes import whole_history
from dimerec_tf.layers.transformer import TransformerBlocks, drop


class Approximator(tf.keras.layers.Layer):
    """x0_hat = norm(z at the last event), z a Transformer's states of e_i + lambda_i (x_t + s_t) (arXiv 2304.00686).

    Every event sees every other. There are no positions, which the authors' code has switched off.

    Args:
        num_steps: T.
        num_blocks: how many.
        num_heads: of the attention; divides the dimension.
        dropout: on what each block adds, and on the last state.

    Call arguments:
        events: `[batch, length, dim]`, e, oldest first; at least one column.
        rows: int `[batch, length]`, 0 at padding.
        noised: `[batch, dim]`, x_t.
        step: int `[batch]` in 1..num_steps.
        weights: `[batch, length, dim]`, lambda.
        seed: int `[2]` of the dropout; none without it.

    Returns:
        `[batch, dim]`; the same for every history without any event.
    """

    def __init__(self, num_steps: int, num_blocks: int, num_heads: int, dropout: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.num_steps = num_steps
        self.num_blocks = num_blocks
        self.num_heads = num_heads
        self.dropout = dropout

    def build(self, input_shape: Any) -> None:
        dim, policy = input_shape[-1], self.dtype_policy
        in_thousandths = np.round(np.linspace(0, 1000, self.num_steps + 1)).astype(int)
        self.steps = tf.constant(sinusoids(1001, dim)[in_thousandths], tf.float32)
        self.step_hidden = tf.keras.layers.Dense(4 * dim, activation="swish", dtype=policy)
        self.step_output = tf.keras.layers.Dense(dim, dtype=policy)
        self.blocks = TransformerBlocks(
            self.num_blocks, self.num_heads, causal=False, dropout=self.dropout, dtype=policy
        )
        self.norm = LayerNorm(dtype=policy)
        super().build(input_shape)

    def call(
        self,
        events: tf.Tensor,
        rows: tf.Tensor,
        noised: tf.Tensor,
        step: tf.Tensor,
        weights: tf.Tensor,
        seed: tf.Tensor | None = None,
    ) -> tf.Tensor:
        embedded = self.step_output(self.step_hidden(tf.gather(tf.cast(self.steps, events.dtype), step)))
        added = (tf.cast(noised, events.dtype) + embedded)[:, tf.newaxis]
        states = events + tf.cast(weights, events.dtype) * added
        states = self.blocks(states, rows, seed)
        return self.norm(drop(whole_history(states, rows > 0), self.dropout, seed, 2 * self.num_blocks))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_steps": self.num_steps,
            "num_blocks": self.num_blocks,
            "num_heads": self.num_heads,
            "dropout": self.dropout,
        }
