import numpy as np
import pytest

from dimerec_tf.config_training import TrainingConfig
from dimerec_tf.training.length import training_length


def _windows(count: int, targets: int) -> np.ndarray:
    starts = np.arange(count)
    return np.stack([starts, starts + targets + 1], axis=1)


@pytest.mark.parametrize(
    ("windows", "targets_each", "epochs", "batch_size"),
    [
        (20_000, 6, 15, 200),  # 100 steps an epoch
        (100, 10, 15, 26),  # at least 256 targets a batch
        (15_000, 200, 10, 20),  # at most 4,096, and 30 million in a training
        (1_000_000, 40, 3, 102),  # three epochs at the least
    ],
)
def test_the_log_decides_what_the_configuration_leaves_out(
    windows: int, targets_each: int, epochs: int, batch_size: int
) -> None:
    assert training_length(TrainingConfig(), _windows(windows, targets_each)) == (epochs, batch_size)


def test_what_is_configured_holds() -> None:
    bounds = _windows(100, 10)
    assert training_length(TrainingConfig(epochs=2), bounds) == (2, 26)
    assert training_length(TrainingConfig(batch_size=7), bounds) == (15, 7)
