"""What each epoch of a training took and reached."""

import json
import time
from typing import Any

import tensorflow as tf


class EpochRecord(tf.keras.callbacks.Callback, tf.train.experimental.PythonState):
    """Seconds and losses of all epochs; kept in the training's checkpoint, so that a resumed training knows those of
    its earlier parts.

    Attributes:
        epochs: one mapping for each epoch so far, `seconds` and `losses` by name.
    """

    def __init__(self) -> None:
        super().__init__()
        self.epochs: list[dict[str, Any]] = []
        self.epoch_started = time.monotonic()

    def serialize(self) -> str:
        """The epochs, and the seconds of the one that is not over."""
        return json.dumps({"epochs": self.epochs, "seconds": time.monotonic() - self.epoch_started})

    def deserialize(self, text: str) -> None:
        """Goes on from what `serialize` gave."""
        kept = json.loads(text)
        self.epochs = kept["epochs"]
        self.epoch_started -= kept["seconds"]

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        now = time.monotonic()
        losses = {name: float((logs or {})[name]) for name in self.model.loss_means}
        self.epochs.append({"seconds": now - self.epoch_started, "losses": losses})
        self.epoch_started = now
