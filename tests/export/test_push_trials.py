"""Pushes at once, killed and without room: a version is whole or not there."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

MEMORY = Path("/dev/shm")  # where a push takes milliseconds, so that there can be many


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    if not os.access(MEMORY, os.W_OK):
        yield tmp_path
        return
    folder = MEMORY / f"push-{os.getpid()}"
    folder.mkdir()
    yield folder
    shutil.rmtree(folder)


def run(kind: str, folder: Path, trials: int, *before: str, **variables: str) -> dict[str, int]:
    command = [*before, sys.executable, "-m", "tests.export.push_trials", kind, str(folder), str(trials)]
    done = subprocess.run(command, env={**os.environ, **variables}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("trials", [40, pytest.param(200, marks=pytest.mark.slow)])
def test_three_writers_at_random_moments_each_get_the_version_that_holds_their_model(folder: Path, trials: int) -> None:
    counts = run("writers", folder, trials)
    assert counts == {
        "trials": trials,
        "three versions": trials,
        "half": 0,
        "torn": 0,
        "failed": 0,
        "another's": 0,
        "leftovers": 0,
    }


def test_two_hundred_kills_leave_the_old_versions_or_the_new_one_and_never_a_part(folder: Path) -> None:
    counts = run("kills", folder, 200)
    assert counts["killed"] >= 50 and counts["left copies"] >= 10, f"the kills came at other moments: {counts}"
    wrong = ("half", "torn", "lost", "next push failed", "leftovers", "versions torn")
    assert {name: counts[name] for name in wrong} == dict.fromkeys(wrong, 0)


def test_a_push_killed_between_its_renames_is_not_seen_and_the_next_one_completes_it(folder: Path) -> None:
    assert run("kills_in_place", folder, 8) == {
        "trials": 8,
        "killed while put into place": 8,
        "seen": 0,
        "completed": 8,
        "whole": 8,
    }


NO_ROOM = {"trials": 30, "refused": 30, "changed": 0, "leftovers": 0, "then pushed": True}


def test_files_that_may_not_grow_leave_the_old_version(folder: Path) -> None:
    for name in ("models", "small"):
        (folder / name).mkdir()
    assert run("full", folder / "small", 30, MODELS=str(folder / "models")) == NO_ROOM


def test_a_full_disk_leaves_the_old_version(tmp_path: Path) -> None:
    for name in ("models", "small"):
        (tmp_path / name).mkdir()
    mounted = f'mount -t tmpfs -o size=4m none {tmp_path / "small"} && exec "$@"'
    if subprocess.run(["unshare", "-rm", "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine lets nobody but root mount a small file system")
    counts = run(
        "full", tmp_path / "small", 30, "unshare", "-rm", "sh", "-c", mounted, "-", MODELS=f"{tmp_path}/models"
    )
    assert counts == NO_ROOM
