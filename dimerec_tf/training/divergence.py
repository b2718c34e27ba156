"""Ends a training whose loss breaks, before a broken model can be kept."""

from typing import Any

import numpy as np
import tensorflow as tf

from dimerec_tf.training.checkpoint import TrainingCheckpoint
from dimerec_tf.training.finite import ADVICE, TrainingDiverged, require_finite_weights
from dimerec_tf.training.sequences import Sequences, TrainingBatches

EXPLODED = 1000.0
SHOWN_SEQUENCES = 10


class StopWhenDiverged(tf.keras.callbacks.Callback):
    """Looks at the loss after every step.

    A loss has exploded when the weighted sum of the losses' means over the epoch is a thousand times what it was after
    the first step of this process. It has to come before whatever keeps the model.

    Args:
        sequences: what is trained on.
        batches: of them.
        checkpoint: where the last good state is, if any is kept.
    """

    def __init__(self, sequences: Sequences, batches: TrainingBatches, checkpoint: TrainingCheckpoint | None) -> None:
        super().__init__()
        self.sequences, self.batches, self.checkpoint = sequences, batches, checkpoint
        self.first: float | None = None

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        logs = logs or {}
        means = {name: float(logs[name]) for name in self.model.loss_means}
        mean = sum(self.model.loss_weights[name] * value for name, value in means.items())
        self.first = mean if self.first is None else self.first
        loss = float(logs["loss"])
        if np.isfinite(loss) and mean <= EXPLODED * self.first:
            return
        step = int(self.model.steps_trained.numpy()) - 1
        raise TrainingDiverged(
            f"The loss became {loss:.4g} in epoch {step // self.batches.steps + 1}, step {batch + 1} of "
            f"{self.batches.steps}, where the losses' means over the epoch are "
            f"{', '.join(f'{name} {value:.4g}' for name, value in means.items())}, on {self._batch(step)}. "
            f"{self.checkpoint.kept() if self.checkpoint else 'No state is kept.'} {ADVICE}"
        )

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        require_finite_weights(self.model)

    def _batch(self, step: int) -> str:
        bounds = self.batches.bounds_at(step)
        lengths = bounds[:, 1] - bounds[:, 0]
        owners = np.unique(np.searchsorted(self.sequences.splits, bounds[:, 0], side="right") - 1)
        more = ", ..." if len(owners) > SHOWN_SEQUENCES else ""
        return (
            f"{len(bounds)} windows of {lengths.min()} to {lengths.max()} events from the training sequences number "
            f"{', '.join(map(str, owners[:SHOWN_SEQUENCES]))}{more}"
        )
