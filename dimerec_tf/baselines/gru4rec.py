"""GRU4Rec: a recurrent network reads the history."""

from typing import Literal

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from dimerec_tf.baselines.softmax_model import SoftmaxModel
from dimerec_tf.config_base import PositiveInt
from dimerec_tf.config_baselines import SoftmaxModelConfig
from dimerec_tf.layers.prefixes import whole_history
from dimerec_tf.layers.transformer import drop


class GRU4RecConfig(SoftmaxModelConfig):
    """GRU4Rec (arXiv 1511.06939) with a sampled softmax; `hidden` is the width of each of the recurrent `layers`."""

    kind: Literal["gru4rec"]
    hidden: PositiveInt = 100
    layers: PositiveInt = 1


class GRU4Rec(SoftmaxModel):
    """The user is the last state of stacked GRUs, mapped to the items' dimension (arXiv 1511.06939).

    Item vectors take the place of the paper's one-hot input and a sampled softmax that of its pairwise losses over
    session-parallel batches; dropout acts on what each layer reads.

    Args: see `SoftmaxModel`.
    """

    config: GRU4RecConfig

    def __init__(self, config: GRU4RecConfig, counts: NDArray[np.int64], seed: int = 0) -> None:
        super().__init__(config, counts, seed)
        self.recurrent = [tf.keras.layers.GRU(config.hidden, return_sequences=True) for _ in range(config.layers)]
        self.to_items = tf.keras.layers.Dense(config.dim)
        self.query(tf.zeros([1, 1], tf.int64))

    def vectors_of(self, rows: tf.Tensor, all_prefixes: bool, dropout_seed: tf.Tensor | None = None) -> tf.Tensor:
        """See `SoftmaxModel`."""
        states = self.items(rows)
        for place, layer in enumerate(self.recurrent):
            states = layer(drop(states, self.config.dropout, dropout_seed, place))
        if all_prefixes:
            return self.to_items(states)[:, :, tf.newaxis]
        return self.to_items(whole_history(states, rows > 0))[:, tf.newaxis]
