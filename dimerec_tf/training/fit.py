"""Trains a model; a killed run started again goes on from its last epoch to the same result."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python.framework import config as ops  # the public module can switch determinism on, not off

from dimerec_tf.config import Config
from dimerec_tf.errors import DimeRecError
from dimerec_tf.models.base import SequenceModel
from dimerec_tf.models.registry import build_model
from dimerec_tf.training.item_start import start_by_transitions
from dimerec_tf.training.length import training_length
from dimerec_tf.training.progress import TrainingProgress
from dimerec_tf.training.sequences import Sequences, training_batches, window_bounds

Start = Callable[[SequenceModel, Sequences], None]


class NonFiniteLoss(DimeRecError, FloatingPointError):
    """A training that broke."""


def fit(
    config: Config,
    sequences: Sequences,
    num_items: int,
    checkpoint_dir: Path | None = None,
    callbacks: Sequence[tf.keras.callbacks.Callback] = (),
    start: Start | None = None,
) -> SequenceModel:
    """Trains from scratch, or from the checkpoint that an interrupted run left in `checkpoint_dir`.

    Adam's learning rate falls from the configured one to zero along a cosine. What the configuration does not say of
    the training's length comes from the log, see `training_length`.

    Args:
        config: the model and training sections and the seed are read.
        sequences: training sequences of item rows 1..num_items.
        num_items: catalogue size without padding.
        checkpoint_dir: where the state is kept after each epoch. It belongs to one configuration, one data set and
            one version of the code; whoever names it removes it.
        callbacks: further Keras callbacks.
        start: sets the weights of the untrained model, see `WarmStart`; left out, `item_start` does.

    Raises:
        NothingToLearn: there is no training target.
        NonFiniteLoss: the loss is not finite.
    """
    with _deterministic_ops(config.training.deterministic):
        return _fit(config, sequences, num_items, checkpoint_dir, callbacks, start)


@contextmanager
def _deterministic_ops(wanted: bool) -> Iterator[None]:
    """Op determinism for the time of the block: it holds for the whole process, and a server cannot run under it."""
    change = wanted and not ops.is_op_determinism_enabled()
    if change:
        tf.config.experimental.enable_op_determinism()
    try:
        yield
    finally:
        if change:
            ops.disable_op_determinism()


def _fit(
    config: Config,
    sequences: Sequences,
    num_items: int,
    checkpoint_dir: Path | None,
    callbacks: Sequence[tf.keras.callbacks.Callback],
    start: Start | None,
) -> SequenceModel:
    training = config.training
    tf.keras.utils.set_random_seed(config.seed)
    counts = np.bincount(sequences.rows, minlength=num_items + 1)
    model = build_model(config.model, counts, config.seed)
    checkpoint = _EpochCheckpoint(model, checkpoint_dir) if checkpoint_dir else None
    bounds = window_bounds(sequences, config.model.max_history)
    epochs, batch_size = training_length(training, bounds)
    dataset, steps = training_batches(sequences, bounds, batch_size, config.seed)
    model.weight_per_step = float(tf.reduce_sum(model.window_weights(bounds[:, 1] - bounds[:, 0] - 1))) / steps
    decay = tf.keras.optimizers.schedules.CosineDecay(training.learning_rate, steps * epochs)
    model.compile(tf.keras.optimizers.Adam(decay))
    model.optimizer.build(model.trainable_variables)
    done = checkpoint.restore() if checkpoint else 0
    if not done and start:
        start(model, sequences)
    elif not done and config.model.item_start == "transitions":
        model.items.set_weights([start_by_transitions(model.items.get_weights()[0], sequences, config.seed)])
    model.fit(
        dataset(done, epochs),
        initial_epoch=done,
        epochs=epochs,
        steps_per_epoch=steps,
        verbose=0,
        callbacks=[
            _StopAtNonFiniteLoss(),
            *([checkpoint] if checkpoint else []),
            TrainingProgress(epochs, steps),
            *callbacks,
        ],
    )
    return model


class _EpochCheckpoint(tf.keras.callbacks.Callback):
    """Keeps model, optimizer and epoch of the last finished epoch."""

    def __init__(self, model: SequenceModel, directory: Path) -> None:
        super().__init__()
        self.trained = model
        self.directory = directory
        self.epochs_done = tf.Variable(0, dtype=tf.int64, trainable=False)

    def restore(self) -> int:
        """Loads the newest checkpoint, if there is one, and returns how many epochs are done."""
        checkpoint = tf.train.Checkpoint(
            model=self.trained, optimizer=self.trained.optimizer, epochs_done=self.epochs_done
        )
        self.manager = tf.train.CheckpointManager(checkpoint, str(self.directory), max_to_keep=1)
        if self.manager.restore_or_initialize():
            print(f"Resuming training after epoch {int(self.epochs_done)}.")
        return int(self.epochs_done)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.epochs_done.assign(epoch + 1)
        self.manager.save()


class _StopAtNonFiniteLoss(tf.keras.callbacks.Callback):
    """Ends training before a broken model can be kept."""

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        loss = (logs or {})["loss"]
        if not np.isfinite(loss):
            raise NonFiniteLoss(
                f"The loss became {loss} in epoch {epoch + 1}: lower training.learning_rate or raise model.temperature."
            )
