"""A log of any size for measurements."""

from pathlib import Path

import numpy as np
import pandas as pd

ITEMS = 3_700
EVENTS_PER_USER = 167  # about MovieLens-1M's
FIRST_EVENTS = 5
FILES = 8


def write_log(folder: Path, events: int) -> None:
    """Writes CSV files of about equal length: popularity falls with the item's number, every user has some events."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    users = np.arange(events // EVENTS_PER_USER)
    others = rng.integers(0, len(users), events - FIRST_EVENTS * len(users))
    log = pd.DataFrame(
        {
            "user_id": np.concatenate([np.repeat(users, FIRST_EVENTS), others]),
            "item_id": np.floor(ITEMS * rng.random(events) ** 2.5).astype(int),
            "timestamp": np.arange(events),
        }
    )
    for part, rows in enumerate(np.array_split(np.arange(events), FILES)):
        log.iloc[rows].to_csv(folder / f"part-{part}.csv", index=False)
