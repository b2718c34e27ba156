"""What each epoch of a training took and reached, on disk."""

import json
import time
from pathlib import Path
from typing import Any

import tensorflow as tf


class EpochRecord(tf.keras.callbacks.Callback):
    """Keeps seconds and losses of all epochs in a file, so that a resumed training knows those of its earlier parts.

    It writes at an epoch's last batch, before the epoch's checkpoint: after a kill there may be an epoch too many,
    which is trained and recorded again, but never one too few.

    Args:
        file: a JSON list with one object for each epoch, `seconds` and `losses` by name.
    """

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.file = file
        self.epoch_started = time.monotonic()

    def read(self) -> list[dict[str, Any]]:
        """All epochs so far."""
        return json.loads(self.file.read_text()) if self.file.exists() else []

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.epoch = epoch

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if batch + 1 < self.params["steps"]:
            return
        now = time.monotonic()
        losses = {name: float((logs or {})[name]) for name in self.model.loss_means}
        epochs = [*self.read()[: self.epoch], {"seconds": now - self.epoch_started, "losses": losses}]
        self.epoch_started = now
        self.file.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.file.with_suffix(".tmp")
        temporary.write_text(json.dumps(epochs))
        temporary.rename(self.file)
