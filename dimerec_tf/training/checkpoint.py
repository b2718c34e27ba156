"""The state of a training on disk, from which a killed one goes on."""

import glob
import os
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

from dimerec_tf.errors import DimeRecError
from dimerec_tf.models.base import SequenceModel
from dimerec_tf.terminal import say
from dimerec_tf.training.finite import require_finite_weights
from dimerec_tf.training.strategy import is_chief, sum_of_all
from dimerec_tf.whole_files import sync

_NO_ROOM = (tf.errors.ResourceExhaustedError, tf.errors.OutOfRangeError)  # a full disk, a limit of a file's size


class TrainingStopped(DimeRecError):
    """A training that was told to end, kept its state, and goes on when it is started again."""

    exit_code = os.EX_TEMPFAIL


class StateNotKept(DimeRecError, OSError):
    """The state of a training could not be written; the last one is as it was."""


class OtherTraining(DimeRecError, ValueError):
    """A directory that holds the state of another training."""


class TrainingCheckpoint(tf.keras.callbacks.Callback):
    """Keeps the state at the end of each epoch, every few minutes between, and when told to stop.

    The state is the model with its losses' means and its count of steps, which is the place in the data; the optimizer;
    and what further parts keep. TensorFlow writes it beside the last one, which is removed once the new one is on the
    disk and a rename has told which counts. It has to be
    the last callback, so that an epoch is kept with all that others did at its end. Of several workers the chief writes
    it, no variable of it needs another worker to be read, and all load it from the same directory.

    Args:
        model: compiled, its optimizer built.
        directory: where the state is kept.
        minutes: how long a state may age within an epoch.
        steps: how many an epoch has.
        stopping: once it is set on any worker, the running step or epoch's end is the last.
        parts: further objects whose state is kept.
    """

    def __init__(
        self,
        model: SequenceModel,
        directory: Path | str,
        minutes: float,
        steps: int,
        stopping: threading.Event,
        parts: Sequence[Any],
    ) -> None:
        super().__init__()
        self.trained, self.directory = model, directory
        self.strategy = model.distribute_strategy
        self.seconds, self.steps, self.stopping = 60 * minutes, steps, stopping
        self.training = tf.Variable([model.seed, steps], dtype=tf.int64, trainable=False)
        state = tf.train.Checkpoint(model=model, optimizer=model.optimizer, training=self.training, parts=list(parts))
        state.save_counter.assign(0)  # makes it: within the strategy's scope that would take all workers
        self.manager = tf.train.CheckpointManager(state, str(directory), max_to_keep=1)
        self.kept_after: str | None = None

    def restore(self) -> int:
        """Loads the state, if there is one, and returns how many steps are done.

        Raises:
            OtherTraining: the seed or the number of steps in an epoch was another one.
        """
        expected = self.training.numpy().tolist()
        if self.manager.restore_or_initialize():
            found = self.training.numpy().tolist()
            if found != expected:
                raise OtherTraining(
                    f"{self.directory} holds a training with seed {found[0]} and {found[1]} steps in an epoch, not "
                    f"{expected[0]} and {expected[1]}: remove it, or name another directory."
                )
            self.kept_after = self._place()
            say(f"Resuming training after {self.kept_after}.")
        self.means = {name: mean.get_weights() for name, mean in self.trained.loss_means.items()}
        return int(self.trained.steps_trained.numpy())

    def kept(self) -> str:
        """A sentence that says where the last state is."""
        if not is_chief(self.strategy):
            return f"The chief keeps the state in {self.directory}."
        if self.kept_after is None:
            return f"No state is kept in {self.directory} yet."
        return f"The last state, after {self.kept_after}, is in {self.directory}."

    def maybe_load_initial_counters_from_ckpt(self, steps: int, epoch: int, mode: str) -> tuple[int, int]:
        """Epoch and step to begin with, which Keras asks of what its own `BackupAndRestore` puts into a model."""
        return divmod(int(self.trained.steps_trained.numpy()), self.steps)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self.trained._training_state = self
        self.saved = time.monotonic()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if int(self.trained.steps_trained.numpy()) % self.steps:
            # Keras has just emptied them.
            for name, weights in self.means.items():
                self.trained.loss_means[name].set_weights(weights)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if batch + 1 == self.steps:
            return
        stop = self._stop_of_any_worker()
        if stop or time.monotonic() - self.saved >= self.seconds:
            self._save(stop)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._save(self._stop_of_any_worker())

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self.trained._training_state = None

    def _stop_of_any_worker(self) -> bool:
        return sum_of_all(self.strategy, int(self.stopping.is_set())) > 0

    def _save(self, stop: bool) -> None:
        require_finite_weights(self.trained)
        if is_chief(self.strategy):
            try:
                self.manager.save(options=tf.train.CheckpointOptions(experimental_write_callbacks=[_sync]))
            except _NO_ROOM as error:
                raise StateNotKept(
                    f"The training's state cannot be written ({error.message}). {self.kept()} Make room, and start the "
                    "same command again to go on from there."
                ) from error
        self.saved, self.kept_after = time.monotonic(), self._place()
        if stop:
            raise TrainingStopped(f"Told to stop. {self.kept()} Start the same command again to go on from there.")

    def _place(self) -> str:
        epoch, step = divmod(int(self.trained.steps_trained.numpy()), self.steps)
        return f"epoch {epoch}" + (f" and {step} of {self.steps} steps" if step else "")


def _sync(checkpoint: str) -> None:
    """Waits until a checkpoint's files are on the disk, before TensorFlow names it as the one that counts."""
    if "://" in checkpoint:
        return
    directory, name = os.path.split(checkpoint)
    for file in Path(directory).glob(f"{glob.escape(name)}.*"):
        sync(file)
    sync(Path(directory))
