"""How long to train: what the configuration leaves to the log."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dimerec_tf.config_training import TrainingConfig

STEPS_IN_EPOCH = 100
TARGETS_IN_BATCH = (256, 4096)
TARGETS_IN_TRAINING = 30_000_000
EPOCHS = (3, 15)


class TrainingLength(NamedTuple):
    """So many epochs, in batches of so many windows."""

    epochs: int
    batch_size: int


def training_length(training: TrainingConfig, bounds: NDArray[np.int64]) -> TrainingLength:
    """The configured length, or the one for a log of this size.

    Without a `batch_size` an epoch has about a hundred steps, as long as a batch then holds 256 to 4,096 targets.
    Without `epochs` there are 15, or fewer on a log so large that they would see more than 30 million targets, and
    3 at the least.

    Args:
        training: the configuration.
        bounds: `[windows, 2]`, see `window_bounds`.
    """
    targets = max(int((bounds[:, 1] - bounds[:, 0] - 1).sum()), 1)
    batch_targets = np.clip(targets / STEPS_IN_EPOCH, *TARGETS_IN_BATCH)
    batch_size = training.batch_size or max(round(batch_targets * len(bounds) / targets), 1)
    epochs = training.epochs or int(np.clip(round(TARGETS_IN_TRAINING / targets), *EPOCHS))
    return TrainingLength(epochs, batch_size)


def epochs_for(steps: int, training: TrainingConfig, bounds: NDArray[np.int64]) -> int:
    """The fewest epochs that have at least so many steps; arguments as for `training_length`."""
    steps_in_epoch = max(math.ceil(len(bounds) / training_length(training, bounds).batch_size), 1)
    return max(math.ceil(steps / steps_in_epoch), 1)
