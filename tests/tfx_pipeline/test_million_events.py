"""A log of a million events goes through the steps before training within 8 GB."""

import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

USERS, ITEMS, EVENTS = 6_000, 3_700, 1_000_000
LIMIT_KILOBYTES = 8 * 2**20


def _write_log(file: Path) -> None:
    """Popularity falls with the item's number; every user has some events."""
    rng = np.random.default_rng(0)
    users = np.concatenate([np.repeat(np.arange(USERS), 5), rng.integers(0, USERS, EVENTS - 5 * USERS)])
    items = np.floor(ITEMS * rng.random(EVENTS) ** 2.5).astype(int)
    pd.DataFrame({"user_id": users, "item_id": items, "timestamp": np.arange(EVENTS)}).to_csv(file, index=False)


@pytest.mark.slow
def test_a_million_events_fit_into_eight_gigabytes(tmp_path: Path) -> None:
    log = tmp_path / "log.csv.gz"
    _write_log(log)
    command = [sys.executable, "-m", "tests.tfx_pipeline.run_data_steps", str(log), str(tmp_path / "work")]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert result.returncode == 0, result.stderr[-2000:]
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < LIMIT_KILOBYTES
    (vocabulary,) = (tmp_path / "work" / "artifacts" / "Transform").rglob("assets/items")
    assert ITEMS * 0.9 < len(vocabulary.read_text().split()) <= ITEMS
