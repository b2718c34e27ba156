"""What people are told while a log is read, whatever command reads it."""

import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dimerec_tf.cli.output import show_notices
from dimerec_tf.config import DataConfig
from dimerec_tf.data.log_files import NOTICES
from dimerec_tf.data.splits import load_splits


@pytest.fixture
def shown() -> Iterator[None]:
    level = NOTICES.level
    show_notices()
    yield
    NOTICES.removeHandler(NOTICES.handlers[-1])
    NOTICES.setLevel(level)


@pytest.mark.usefixtures("shown")
def test_files_and_doubtful_ids_are_said_once_on_standard_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.csv").write_text("user_id,item_id,timestamp\nNULL,a,1\nNULL,b,2\nNULL,c,3\n")
    (tmp_path / "notes.md").write_text("about it")
    for _ in range(2):
        NOTICES.info("Reading 1 file.")
    load_splits(DataConfig(path=str(tmp_path)))
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "Reading 1 file.",
        f"Reading 1 file (a.csv) of {tmp_path}. Left out: 1 file (notes.md).",
        "warning: Ids that may be mistakes are taken as they stand: 3 events with user id 'NULL', which looks like a "
        "missing value.",
    ]


def test_the_command_shows_them(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("user_id,item_id,timestamp\nu,a,1\nu,b,2\nu,c,3\n")
    (tmp_path / "my.yaml").write_text("data: {path: log.csv}\n")
    command = [Path(sys.executable).with_name("dimerec"), "data", "check", "--config", "my.yaml", "--json"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert ended.stderr.splitlines() == ["Reading log.csv."] and ended.stdout.startswith("{")


def test_a_library_user_hears_warnings_alone() -> None:
    assert NOTICES.getEffectiveLevel() == logging.WARNING
