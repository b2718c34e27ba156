"""Guidance by a SASRec encoder of its own."""

from typing import Any

import tensorflow as tf

from dimerec_tf.config_model import DimeRecConfig
from dimerec_tf.layers.guidance.rule import RuleInterest
from dimerec_tf.layers.transformer import CausalTransformer


class SASRecInterest(tf.keras.layers.Layer):
    """g = the latest K states of a causal Transformer (the paper's ablation; K = 1 is SASRec's user vector).

    Args:
        num_interests: K.
        max_history: the longest history.
        num_blocks: of the encoder.
        num_heads: of its attention.

    Call arguments and what is returned: see `SelfAttentiveInterest`.
    """

    def __init__(self, num_interests: int, max_history: int, num_blocks: int, num_heads: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.num_interests = num_interests
        self.max_history = max_history
        self.num_blocks = num_blocks
        self.num_heads = num_heads
        self.encoder = CausalTransformer(num_blocks, num_heads, max_history, dtype=self.dtype_policy)
        self.latest = RuleInterest(num_interests, dtype=self.dtype_policy)

    @classmethod
    def configured(cls, config: DimeRecConfig) -> "SASRecInterest":
        """See `SelfAttentiveInterest`."""
        backbone = config.backbone
        return cls(config.num_interests, config.max_history, backbone.blocks, backbone.heads)

    def call(self, states: tf.Tensor, rows: tf.Tensor, all_prefixes: bool = False) -> tf.Tensor:
        return self.latest(self.encoder(states, rows), rows, all_prefixes)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_interests": self.num_interests,
            "max_history": self.max_history,
            "num_blocks": self.num_blocks,
            "num_heads": self.num_heads,
        }
