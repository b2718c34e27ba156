"""What TensorBoard shows of a training; docs/training.md says what each curve means."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from dimerec_tf.models.base import SequenceModel
from dimerec_tf.training.sequences import TrainingBatches
from dimerec_tf.training.strategy import on_first_replica
from dimerec_tf.training.validation import METRIC

POINTS_IN_EPOCH = 10
STEPS_BETWEEN = 25
SAMPLED_ITEMS = 512


class TrainingCurves(tf.keras.callbacks.Callback):
    """Writes scalars about ten times in an epoch, no more often than every 25 steps, and at its end.

    The gradient, and which interests targets are routed to, are those of a fixed sample of windows as large as a batch;
    cosines are those of a fixed sample of items. Nothing of it touches the training.

    Args:
        directory: of event files; a resumed training adds one.
        model: what is trained.
        batches: what it is trained on.
        targets_per_step: the mean over batches of their numbers of targets.
    """

    def __init__(
        self, directory: Path | str, model: SequenceModel, batches: TrainingBatches, targets_per_step: float
    ) -> None:
        super().__init__()
        self.directory, self.trained, self.targets_per_step = directory, model, targets_per_step
        self.every = max(batches.steps // POINTS_IN_EPOCH, STEPS_BETWEEN)
        rng = np.random.default_rng(model.seed)
        sampled = rng.choice(len(batches.bounds), min(batches.batch_size, len(batches.bounds)), replace=False)
        self.windows = batches.windows(tf.constant(batches.bounds[sampled]))
        self.items = rng.choice(model.num_items, min(SAMPLED_ITEMS, model.num_items), replace=False)
        self.gradient_norm = tf.function(self._gradient_norm)
        self.routed = tf.function(model.routed)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self.writer = tf.summary.create_file_writer(str(self.directory))

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._start_clock()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self.steps_timed += 1
        self.seconds = time.monotonic() - self.clock  # an epoch's end is not part of it
        if (batch + 1) % self.every == 0 and batch + 1 + self.every <= self.params["steps"]:
            self._write(logs or {})

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._write(logs or {})
        self.writer.flush()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self.writer.close()

    def _write(self, logs: dict[str, Any]) -> None:
        scalars = {f"loss/{name}": logs[name] for name in self.trained.loss_means}
        scalars["loss/total"] = sum(weight * logs[name] for name, weight in self.trained.loss_weights.items())
        scalars["learning_rate"] = self.trained.optimizer.learning_rate
        scalars["targets_per_second"] = self.steps_timed * self.targets_per_step / self.seconds
        scalars["norm/gradient"] = on_first_replica(self.gradient_norm, self.windows)
        scalars |= self._item_scalars() | self._interest_scalars()
        if METRIC in logs:
            scalars[f"validation/{METRIC}"] = logs[METRIC]
        with self.writer.as_default(step=int(self.trained.steps_trained.numpy())):
            for name, value in scalars.items():
                tf.summary.scalar(name, value)
        self._start_clock()

    def _start_clock(self) -> None:
        self.clock, self.steps_timed = time.monotonic(), 0

    def _gradient_norm(self, windows: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            losses = self.trained.losses_of(windows, training=True)
            total = tf.add_n([self.trained.loss_weights[name] * value for name, value in losses.items()])
        gradients = tape.gradient(total, self.trained.trainable_variables)
        dense = [tf.convert_to_tensor(gradient) for gradient in gradients if gradient is not None]
        return tf.linalg.global_norm(dense)

    def _item_scalars(self) -> dict[str, Any]:
        vectors = tf.gather(self.trained.item_vectors(), self.items)
        return {"norm/items": tf.reduce_mean(tf.norm(vectors, axis=1)), "collapse/item_cosine": mean_cosine(vectors)}

    def _interest_scalars(self) -> dict[str, Any]:
        routed = self.routed(self.windows)
        if routed is None:
            return {}
        shares = np.bincount(routed.numpy(), minlength=self.trained.config.num_interests) / len(routed)
        return {f"interests/share_{number}": share for number, share in enumerate(shares, start=1)}


def mean_cosine(vectors: tf.Tensor) -> tf.Tensor:
    """The mean cosine of all pairs of different vectors of `[count, dim]`; 1 where all point one way."""
    units = tf.math.l2_normalize(vectors, axis=1)
    count = tf.cast(tf.shape(vectors)[0], vectors.dtype)
    summed = tf.reduce_sum(units, axis=0)
    own = tf.reduce_sum(units**2)
    return tf.math.divide_no_nan(tf.reduce_sum(summed**2) - own, count * (count - 1))
