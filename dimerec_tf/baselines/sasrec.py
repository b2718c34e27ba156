"""SASRec: a causal Transformer reads the history."""

from typing import Literal

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from dimerec_tf.baselines.softmax_model import SoftmaxModel
from dimerec_tf.config_base import PositiveInt
from dimerec_tf.config_baselines import SoftmaxModelConfig, TransformerModelConfig
from dimerec_tf.config_model import Dropout
from dimerec_tf.layers.prefixes import whole_history
from dimerec_tf.layers.transformer import CausalTransformer
from dimerec_tf.models.base import Losses


class SASRecConfig(TransformerModelConfig, SoftmaxModelConfig):
    """SASRec (arXiv 1808.09781).

    `loss` is `binary`, as its authors' (one negative for each target, which may be another item of the history;
    `negatives` does not apply to it), or a sampled `softmax`.
    """

    kind: Literal["sasrec"]
    dropout: Dropout = 0.2
    blocks: PositiveInt = 2
    heads: PositiveInt = 1
    loss: Literal["binary", "softmax"] = "softmax"


class SASRec(SoftmaxModel):
    """The user is the last state of a causal Transformer (arXiv 1808.09781).

    Args: see `SoftmaxModel`.
    """

    config: SASRecConfig

    def __init__(self, config: SASRecConfig, counts: NDArray[np.int64], seed: int = 0) -> None:
        super().__init__(config, counts, seed, config.loss)
        self.encoder = CausalTransformer(config.blocks, config.heads, config.max_history, config.dropout)
        self.query(tf.zeros([1, 1], tf.int64))

    def vectors_of(self, rows: tf.Tensor, all_prefixes: bool, dropout_seed: tf.Tensor | None = None) -> tf.Tensor:
        """See `SoftmaxModel`."""
        states = self.encoder(self.items(rows), rows, dropout_seed)
        return states[:, :, tf.newaxis] if all_prefixes else whole_history(states, rows > 0)[:, tf.newaxis]

    def target_losses(self, vectors: tf.Tensor, target_rows: tf.Tensor) -> Losses:
        """See `SoftmaxModel`."""
        if self.config.loss == "softmax":
            return super().target_losses(vectors, target_rows)
        negative_rows = tf.random.stateless_uniform(
            tf.shape(target_rows), self.draw_seed(1), 1, self.num_items + 1, dtype=target_rows.dtype
        )
        losses = binary_cross_entropy(
            vectors[:, 0] / self.config.temperature,
            self.full_precision(target_rows),
            self.full_precision(negative_rows),
            negative_rows != target_rows,
        )
        return {"binary": tf.reduce_mean(losses)}


def binary_cross_entropy(
    query: tf.Tensor, positive: tf.Tensor, negative: tf.Tensor, is_negative: tf.Tensor
) -> tf.Tensor:
    """-log sigmoid(<q, positive>) - log(1 - sigmoid(<q, negative>)), SASRec's loss.

    Its authors draw negatives outside of the user's whole history; here only the target is left out.

    Args:
        query: `[samples, dim]`.
        positive: `[samples, dim]`.
        negative: `[samples, dim]`.
        is_negative: bool `[samples]`, false where the negative is the positive; its term is then left out.

    Returns:
        `[samples]`.
    """
    right = tf.nn.softplus(-tf.reduce_sum(query * positive, axis=-1))
    wrong = tf.nn.softplus(tf.reduce_sum(query * negative, axis=-1))
    return right + tf.where(is_negative, wrong, tf.zeros_like(wrong))
