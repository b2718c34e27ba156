"""A small log with an order to learn, and a configuration that learns it in seconds."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dimerec_tf.config import Config, parse_config
from tfx_pipeline.outcome import Outcome

NUM_ITEMS = 40
NUM_USERS = 80
BAD_ROWS = ["u1,,5", "u2,i3,yesterday", "u3,i4"]


@dataclass(frozen=True)
class Run:
    """A finished pipeline."""

    config: Config
    workdir: Path
    outcome: Outcome


def write_log(file: Path) -> None:
    """Users walk round a ring of items, one step an event; three rows are bad."""
    rng = np.random.default_rng(0)
    lines = ["user_id,item_id,timestamp"]
    for user in range(NUM_USERS):
        start = rng.integers(0, NUM_ITEMS)
        lines += [f"u{user},i{(start + step) % NUM_ITEMS},{1000 * step + user}" for step in range(rng.integers(4, 14))]
    file.write_text("\n".join([*lines, *BAD_ROWS]) + "\n")


def write_items(file: Path) -> None:
    """Every item is odd or even."""
    lines = [f"i{item},{'odd' if item % 2 else 'even'}" for item in range(NUM_ITEMS)]
    file.write_text("\n".join(["item_id,category", *lines]) + "\n")


def small_config(log: Path, **sections: dict[str, Any]) -> Config:
    values: dict[str, Any] = {
        "data": {"path": str(log)},
        "model": {"dim": 16, "max_history": 6, "num_interests": 2, "diffusion": {"num_steps": 4, "reverse_steps": 1}},
        "training": {"epochs": 25, "batch_size": 16, "learning_rate": 0.01},
        "evaluation": {"top_k": [10, 20], "filter_seen": True, "min_hit_rate_at_10": 0.5, "max_drop_at_10": 0.0},
        "export": {"max_k": 20},
    }
    for name, section in sections.items():
        values[name] = {**values.get(name, {}), **section}
    return parse_config(values)
