"""Shows a person how training goes."""

import time
from typing import Any

import tensorflow as tf
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

LINES_WITHOUT_TERMINAL = 10


class TrainingProgress(tf.keras.callbacks.Callback):
    """A bar with the losses on a terminal; ten lines a training elsewhere."""

    def __init__(self, epochs: int, steps: int) -> None:
        super().__init__()
        self.epochs = epochs
        self.steps = steps
        console = Console()
        self.every = max(epochs // LINES_WITHOUT_TERMINAL, 1)
        self.bar = Progress(
            TextColumn("training"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("epochs"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[losses]}"),
            console=console,
            disable=not console.is_terminal,
        )

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self.started = time.monotonic()
        self.task = self.bar.add_task("training", total=self.epochs, losses="")
        self.bar.start()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.bar.update(self.task, completed=epoch)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self.bar.advance(self.task, 1 / self.steps)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        means = {name: (logs or {})[name] for name in self.model.loss_means}
        losses = "  ".join(f"{name} {value:.3f}" for name, value in means.items())
        self.bar.update(self.task, completed=epoch + 1, losses=losses)
        if self.bar.disable and ((epoch + 1) % self.every == 0 or epoch + 1 == self.epochs):
            print(f"epoch {epoch + 1} of {self.epochs}  {losses}  {time.monotonic() - self.started:.0f} s", flush=True)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self.bar.stop()
