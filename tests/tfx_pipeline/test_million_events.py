"""A log of a million events goes through the steps before training within 8 GB."""

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tfx_pipeline.benchmark.event_log import ITEMS, write_log

EVENTS = 1_000_000
LIMIT_KILOBYTES = 8 * 2**20


@pytest.mark.slow
def test_a_million_events_fit_into_eight_gigabytes(tmp_path: Path) -> None:
    log = tmp_path / "log"
    write_log(log, EVENTS)
    command = [sys.executable, "-m", "tests.tfx_pipeline.run_data_steps", str(log), str(tmp_path / "work")]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert result.returncode == 0, result.stderr[-2000:]
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < LIMIT_KILOBYTES
    (vocabulary,) = (tmp_path / "work" / "artifacts" / "Transform").rglob("assets/items")
    assert ITEMS * 0.9 < len(vocabulary.read_text().split()) <= ITEMS
