"""How long training waits for its input, and how long validation takes."""

import time
from typing import Any

import numpy as np
import tensorflow as tf

from dimerec_tf.training.sequences import Sequences, TrainingBatches, window_bounds
from dimerec_tf.training_benchmark.steps import HISTORY, ITEMS, SEED, compiled_step, dimerec

WINDOWS = 128
WARM_UP = 5
LOGS = {"long": (4_000, 150), "short": (40_000, 9)}  # users, and their events in the mean


def input_rows(steps: int) -> list[dict[str, Any]]:
    """The share of time in which a step waits for its batch, for a log of long and one of short histories."""
    return [_row(name, users, events, steps) for name, (users, events) in LOGS.items()]


def _row(name: str, users: int, events: int, steps: int) -> dict[str, Any]:
    rng = np.random.default_rng(SEED)
    lengths = 2 + rng.geometric(1 / (events - 1), users)
    splits = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    sequences = Sequences(rng.integers(1, ITEMS + 1, splits[-1]).astype(np.int32), splits)
    batches = TrainingBatches(sequences, window_bounds(sequences, HISTORY), WINDOWS, SEED)
    train = compiled_step(dimerec())
    waited, total, targets = 0.0, 0.0, 0
    started = None
    for number, batch in enumerate(batches.between(0, steps)):
        arrived = time.perf_counter()
        train(batch)["loss"].numpy()
        trained = time.perf_counter()
        if started is not None and number > WARM_UP:
            waited, total = waited + arrived - started, total + trained - started
            targets += int(tf.math.count_nonzero(batch[:, 1:]))
        started = time.perf_counter()
    return {
        "log": name,
        "users": users,
        "events": int(splits[-1]),
        "steps": steps,
        "targets_per_second": round(targets / total),
        "input_wait_share": round(waited / total, 4),
    }
