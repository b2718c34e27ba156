"""What training, retrieval and export ask of every learned model."""

from abc import abstractmethod
from collections.abc import Mapping

import tensorflow as tf

from dimerec_tf.layers.item_table import ItemTable
from dimerec_tf.models.replicas import GlobalMean, replica_number, sum_over_replicas
from dimerec_tf.scann_library import recommenders

tfrs = recommenders()

Losses = dict[str, tf.Tensor]
PURPOSES = 16


class SequenceModel(tfrs.Model):  # type: ignore[name-defined]  # made known when it runs
    """A model of sequences of item rows: 0 is padding, 1..num_items the catalogue.

    Histories are `[batch, length]` rows, oldest first, left-aligned, zeros after the end.

    Args:
        num_items: catalogue size without padding.
        loss_weights: each loss's name and its weight in the total.
        seed: of everything random; training step n draws from (seed, n), so a resumed run repeats itself.

    Attributes:
        items: the item table, which all but Mult-VAE have.
        weight_per_step: the mean over training batches of the sum of `window_weights`. Once set, a batch counts as
            much as its windows do: batches of short histories then weigh no more than their share.
    """

    items: ItemTable

    def __init__(self, num_items: int, loss_weights: Mapping[str, float], seed: int) -> None:
        super().__init__()
        self.num_items = num_items
        self.seed = seed
        self.loss_weights = dict(loss_weights)
        self.weight_per_step: float | None = None
        self.steps_trained = tf.Variable(
            0,
            dtype=tf.int32,
            trainable=False,
            name="steps_trained",
            aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
        )
        self.loss_means = {name: GlobalMean(name=name) for name in loss_weights}
        self.distribute_reduction_method = "first"  # what `train_step` returns is alike on every replica

    @abstractmethod
    def query(self, history: tf.Tensor) -> tf.Tensor:
        """The user's vectors: `[batch, length]` rows to `[batch, queries, dim]`."""

    @abstractmethod
    def item_vectors(self) -> tf.Tensor:
        """What `query` is compared with by inner product: `[num_items, dim]`, row j for item row j + 1."""

    @abstractmethod
    def losses_of(self, windows: tf.Tensor, training: bool) -> Losses:
        """The losses by name, each a scalar, a mean over targets (or windows, see `window_weights`).

        Args:
            windows: int64 `[batch, window]` rows, oldest first, zeros after the end. Every position but the first is
                the target of the positions before it.
            training: whether dropout acts.
        """

    def routed(self, windows: tf.Tensor) -> tf.Tensor | None:
        """Which interest each target of the windows goes to: int64 `[targets]`; None for a model without hard routing.

        Args:
            windows: as for `losses_of`.
        """
        return None

    def window_weights(self, num_targets: tf.Tensor) -> tf.Tensor:
        """What windows count in the mean that a loss is, by their numbers of targets: the same numbers `[windows]`.

        A model whose losses are means over windows gives 1 for each that has a target.
        """
        return num_targets

    def call(self, history: tf.Tensor) -> tf.Tensor:
        """Same as `query`, for Keras."""
        return self.query(history)

    def compute_loss(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """The weighted sum of the losses; see `losses_of` and `weight_per_step`.

        A replica gets its rows of a batch: the sum over replicas is the batch's loss, and the kept means are over all.
        """
        if training:
            self.steps_trained.assign_add(1)
        weight = tf.reduce_sum(self.window_weights(tf.math.count_nonzero(inputs[:, 1:], axis=1)))
        weight = tf.cast(weight, tf.float32)
        losses = {
            # The mean over no window at all is not a number.
            name: tf.math.multiply_no_nan(value, tf.sign(weight))
            for name, value in self.losses_of(inputs, training).items()
        }
        self._update_means(losses, weight)
        total = tf.add_n([self.loss_weights[name] * value for name, value in losses.items()])
        if not training or self.weight_per_step is None:
            return total
        return total * weight / self.weight_per_step

    def train_step(self, inputs: tf.Tensor) -> Losses:
        """TFRS's, with the batch's loss in its logs where that has a replica's part."""
        logs = super().train_step(inputs)
        return {**logs, "loss": sum_over_replicas(logs["loss"])}

    def draw_seed(self, purpose: int) -> tf.Tensor:
        """A stateless seed `[2]` of its own for each purpose below `PURPOSES`, training step and replica."""
        return self._seed_of(purpose + PURPOSES * replica_number())

    def shared_seed(self, purpose: int) -> tf.Tensor:
        """The same for what all of a batch share, whichever replica its windows are on."""
        return self._seed_of(purpose)

    def _seed_of(self, purpose: int | tf.Tensor) -> tf.Tensor:
        return tf.random.experimental.stateless_fold_in([self.seed, purpose], self.steps_trained)

    def _update_means(self, losses: Losses, weight: tf.Tensor) -> None:
        *sums, weights = tf.unstack(sum_over_replicas(tf.stack([*(weight * loss for loss in losses.values()), weight])))
        for name, summed in zip(losses, sums, strict=True):
            self.loss_means[name].update_state(tf.math.divide_no_nan(summed, weights), sample_weight=weights)
