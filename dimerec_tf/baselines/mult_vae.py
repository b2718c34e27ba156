"""Mult-VAE: a variational autoencoder of the bag of items."""

from typing import Literal

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from dimerec_tf.config_base import PositiveInt
from dimerec_tf.config_model import Dropout, SequenceModelConfig, Weight
from dimerec_tf.layers.transformer import drop
from dimerec_tf.models.base import Losses, SequenceModel


class MultVAEConfig(SequenceModelConfig):
    """Mult-VAE (arXiv 1802.05814): a variational autoencoder of the bag of items.

    `dim` is the width of the latent vector and `hidden` that of the two layers around it. The KL divergence gains its
    weight `kl_weight` (the paper's beta) linearly over the first `anneal_steps` training steps. `max_history` cuts the
    training windows, and each is a bag of its own; the bag of a query is the whole history.
    """

    kind: Literal["mult_vae"]
    dim: PositiveInt = 200
    max_history: PositiveInt = 1000
    dropout: Dropout = 0.5
    item_start: Literal["random"] = "random"
    hidden: PositiveInt = 600
    kl_weight: Weight = 0.2
    anneal_steps: PositiveInt = 200_000


class MultVAE(SequenceModel):
    """A latent Gaussian of the user gives a multinomial over items (arXiv 1802.05814).

    z = mean(x) + exp(logvar(x) / 2) eps; item probabilities softmax(W tanh(Dense(z)) + b). The encoder reads each
    item once, without order: a history is not cut. In training it reads all of a window but the last event, the one
    that comes next at evaluation, and the decoder has to find the whole window (the paper's has to find what was read).

    Args:
        config: widths, dropout and the weight of the KL divergence.
        counts: `[num_items + 1]`; its length says how many items there are.
        seed: of dropout and eps.
    """

    config: MultVAEConfig

    def __init__(self, config: MultVAEConfig, counts: NDArray[np.int64], seed: int = 0) -> None:
        super().__init__(len(counts) - 1, {"likelihood": 1.0, "kl": config.kl_weight}, seed)
        self.config = config
        self.encoder_hidden = tf.keras.layers.Dense(config.hidden, activation="tanh")
        self.encoder_output = tf.keras.layers.Dense(2 * config.dim)
        self.decoder_hidden = tf.keras.layers.Dense(config.hidden, activation="tanh")
        self.decoder_output = tf.keras.layers.Dense(self.num_items)
        self.decoder_output.build([None, config.hidden])
        self.query(tf.zeros([1, 1], tf.int64))

    def query(self, history: tf.Tensor) -> tf.Tensor:
        """The decoder's hidden layer and a 1: `[batch, length]` rows to `[batch, 1, hidden + 1]`."""
        mean, _ = self._encode(self._bag(history))
        hidden = tf.cast(self.decoder_hidden(mean), tf.float32)
        return tf.concat([hidden, tf.ones_like(hidden[:, :1])], axis=1)[:, tf.newaxis]

    def item_vectors(self) -> tf.Tensor:
        """The decoder's last map and bias, `[num_items, hidden + 1]`; see `SequenceModel`."""
        return tf.concat([tf.transpose(self.decoder_output.kernel), self.decoder_output.bias[:, tf.newaxis]], axis=1)

    def losses_of(self, windows: tf.Tensor, training: bool) -> Losses:
        """The negative log-likelihood and the KL divergence by the share of its weight reached; means over windows."""
        read = tf.where(windows[:, 1:] > 0, windows[:, :-1], 0)
        mean, log_variance = self._encode(self._bag(read), self.draw_seed(0) if training else None)
        noise = tf.random.stateless_normal(tf.shape(mean), self.draw_seed(1))
        hidden = self.decoder_hidden(mean + tf.exp(log_variance / 2) * noise)
        logits = tf.cast(self.decoder_output(hidden), tf.float32)
        log_likelihood = tf.reduce_sum(self._bag(windows) * tf.nn.log_softmax(logits), axis=1)
        divergence = tf.reduce_sum(tf.exp(log_variance) + mean**2 - 1 - log_variance, axis=1) / 2
        annealed = tf.minimum(tf.cast(self.steps_trained, tf.float32) / self.config.anneal_steps, 1.0)
        return {"likelihood": -tf.reduce_mean(log_likelihood), "kl": annealed * tf.reduce_mean(divergence)}

    def window_weights(self, num_targets: tf.Tensor) -> tf.Tensor:
        """See `SequenceModel`."""
        return tf.minimum(num_targets, 1)

    def _bag(self, rows: tf.Tensor) -> tf.Tensor:
        """`[batch, length]` rows to float32 `[batch, num_items]`, 1 for each item that occurs."""
        width = self.num_items + 1
        marks = tf.math.bincount(rows, minlength=width, maxlength=width, dtype=tf.float32, axis=-1, binary_output=True)
        return marks[:, 1:]

    def _encode(self, bag: tf.Tensor, dropout_seed: tf.Tensor | None = None) -> tuple[tf.Tensor, tf.Tensor]:
        """Mean and log variance of z, both float32 `[batch, dim]`."""
        scaled = drop(tf.math.l2_normalize(bag, axis=1), self.config.dropout, dropout_seed)
        encoded = tf.cast(self.encoder_output(self.encoder_hidden(scaled)), tf.float32)
        mean, log_variance = tf.split(encoded, 2, axis=1)
        return mean, log_variance
