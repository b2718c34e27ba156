"""A training of seconds: users who walk round a ring of items, in ten steps an epoch.

Run as `python -m tests.small_training CHECKPOINTS WEIGHTS EPOCHS`, a process that tests can stop and kill: it keeps its
state every 20 ms and writes its weights at the end.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np

from dimerec_tf.config import Config
from dimerec_tf.config_training import TrainingConfig
from dimerec_tf.edge import catching_errors
from dimerec_tf.training.fit import fit
from dimerec_tf.training.sequences import Sequences
from dimerec_tf.training.validation import Cases
from tests.paper import paper

NUM_ITEMS = 30
STEPS = 10
EVERY_STEP = 1e-9  # minutes


def small_config(training: dict[str, Any] | None = None, **model: Any) -> Config:
    values = {"dim": 8, "max_history": 6, "num_interests": 2, "dropout": 0.2, "diffusion": {"num_steps": 5}, **model}
    settings = {"epochs": 3, "batch_size": 8, **(training or {})}
    return paper(**values).model_copy(update={"training": TrainingConfig.model_validate(settings)})


def ring() -> Sequences:
    rng = np.random.default_rng(3)
    starts = rng.integers(0, NUM_ITEMS, 40)
    return Sequences.from_lists([[(start + step) % NUM_ITEMS + 1 for step in range(12)] for start in starts])


def ring_cases() -> Cases:
    """A history of six events from each item on, whose target comes next on the ring."""
    walks = [[(start + step) % NUM_ITEMS + 1 for step in range(7)] for start in range(NUM_ITEMS)]
    return Cases(Sequences.from_lists(walk[:-1] for walk in walks), Sequences.from_lists(walk[-1:] for walk in walks))


def _run(checkpoints: str, weights: str, epochs: str) -> None:
    config = small_config({"epochs": int(epochs), "checkpoint_minutes": 0.02 / 60})
    model = fit(config, ring(), NUM_ITEMS, Path(checkpoints))
    np.savez(weights, *model.get_weights())


if __name__ == "__main__":
    with catching_errors():
        _run(*sys.argv[1:])
