"""A small log with an order to learn, and a configuration that learns it in seconds."""

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dimerec_tf.config import Config, parse_config
from tests.hostile import HOSTILE
from tfx_pipeline.outcome import Outcome

NUM_ITEMS = 40
NUM_USERS = 80
BAD_ROWS = ["u1,,5", "u2,i3,yesterday", "u3,i4"]
# Items of the hostile log before this one have the ids that they have in the other.
FIRST_HOSTILE_ITEM = 12


@dataclass(frozen=True)
class Run:
    """A finished pipeline."""

    config: Config
    workdir: Path
    outcome: Outcome


def hostile_item(number: int) -> str:
    """The id of an item of the hostile log: plain up to `FIRST_HOSTILE_ITEM`."""
    text = HOSTILE[number % len(HOSTILE)] if number >= FIRST_HOSTILE_ITEM else ""
    return f"i{number}{text}"


def hostile_user(number: int) -> str:
    return f"u{number}{HOSTILE[number % len(HOSTILE)]}"


def write_log(file: Path, hostile: bool = False) -> None:
    """Users walk round a ring of items, one step an event; three rows are bad. Ids may be hostile."""
    user_id = hostile_user if hostile else "u{}".format
    item_id = hostile_item if hostile else "i{}".format
    rng = np.random.default_rng(0)
    with file.open("w", encoding="utf-8", newline="") as stream:
        log = csv.writer(stream, lineterminator="\n")
        log.writerow(["user_id", "item_id", "timestamp"])
        for user in range(NUM_USERS):
            start = rng.integers(0, NUM_ITEMS)
            for step in range(rng.integers(4, 14)):
                log.writerow([user_id(user), item_id((start + step) % NUM_ITEMS), 1000 * step + user])
        stream.write("\n".join(BAD_ROWS) + "\n")


def write_items(file: Path) -> None:
    """Every item of the hostile log is odd or even; the hostile ones have a category more."""
    with file.open("w", encoding="utf-8", newline="") as stream:
        items = csv.writer(stream, lineterminator="\n")
        items.writerow(["item_id", "category"])
        for item in range(NUM_ITEMS):
            parity = "odd" if item % 2 else "even"
            more = f"|{HOSTILE[item % len(HOSTILE)]}" if item >= FIRST_HOSTILE_ITEM else ""
            items.writerow([hostile_item(item), parity + more])


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
