"""Shows a person how training goes."""

import time
from typing import Any

import tensorflow as tf
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from dimerec_tf.terminal import console, say
from dimerec_tf.training.validation import METRIC

LINES_WITHOUT_TERMINAL = 10


class TrainingProgress(tf.keras.callbacks.Callback):
    """A bar with the losses so far on a terminal; ten lines a training elsewhere.

    Args:
        epochs: how many there are.
        steps: how many an epoch has.
        targets_per_step: the mean over batches of their numbers of targets.
    """

    def __init__(self, epochs: int, steps: int, targets_per_step: float) -> None:
        super().__init__()
        self.epochs = epochs
        self.steps = steps
        self.targets_per_step = targets_per_step
        self.every = max(epochs // LINES_WITHOUT_TERMINAL, 1)
        self.bar = Progress(
            TextColumn("training"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("epochs"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[reached]}"),
            console=console,
            disable=not console.is_terminal,
        )

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self.started = time.monotonic()
        self.task = self.bar.add_task("training", total=self.epochs, reached="")
        self.bar.start()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.epoch, self.epoch_started, self.steps_timed = epoch, time.monotonic(), 0

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self.steps_timed += 1
        self.epoch_seconds = time.monotonic() - self.epoch_started
        done = self.epoch + (batch + 1) / self.steps
        self.bar.update(self.task, completed=done, reached=self._reached(logs or {}))

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        reached = self._reached(logs or {})
        self.bar.update(self.task, completed=epoch + 1, reached=reached)
        if self.bar.disable and ((epoch + 1) % self.every == 0 or epoch + 1 == self.epochs):
            say(f"epoch {epoch + 1} of {self.epochs}  {reached}  {time.monotonic() - self.started:.0f} s")

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self.bar.stop()

    def _reached(self, logs: dict[str, Any]) -> str:
        parts = [f"{name} {logs[name]:.3f}" for name in self.model.loss_means]
        if METRIC in logs:
            parts.append(f"{METRIC} {logs[METRIC]:.2%}")
        return "  ".join([*parts, f"{self.steps_timed * self.targets_per_step / self.epoch_seconds:,.0f} targets/s"])
