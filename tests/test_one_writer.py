"""Who works in a place keeps others out of it, for as long as he lives."""

import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from dimerec_tf.one_writer import LOCK, InUse, NoDirectory, alone_in, one_at_a_time, require_room

HOLDS = """
import sys, time
from pathlib import Path
from dimerec_tf.one_writer import alone_in
with alone_in(Path(sys.argv[1])):
    print("inside", flush=True)
    time.sleep(600)
"""


def test_the_second_is_told_who_is_at_work_and_is_let_in_when_the_first_was_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDS, str(tmp_path / "work")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == "inside\n"
        with pytest.raises(InUse) as refused, alone_in(tmp_path / "work"):
            pass
        said = re.fullmatch(
            rf"{tmp_path}/work is in use by process {holder.pid} since \d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d[+-]\d\d:\d\d "
            rf"\(-c {tmp_path}/work\): wait until that has ended, or name another directory\.",
            str(refused.value),
        )
        assert said
        holder.send_signal(signal.SIGKILL)
    with alone_in(tmp_path / "work"):
        pass


def test_a_turn_is_waited_for(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    done: list[str] = []

    def second() -> None:
        with one_at_a_time(tmp_path / LOCK):
            done.append("second")

    waiting = threading.Thread(target=second)
    with one_at_a_time(tmp_path / LOCK):
        waiting.start()
        while f"Waiting for process {os.getpid()} since " not in caplog.text:
            assert waiting.is_alive()
        done.append("first")
    waiting.join(60)
    assert done == ["first", "second"]


def test_a_lock_file_that_was_removed_under_its_holder_lets_the_next_one_in_only_once(tmp_path: Path) -> None:
    with alone_in(tmp_path):
        (tmp_path / LOCK).unlink()
        with alone_in(tmp_path), pytest.raises(InUse), alone_in(tmp_path):
            pass


def test_a_holder_that_has_said_nothing_yet_is_another_process(tmp_path: Path) -> None:
    with alone_in(tmp_path):
        (tmp_path / LOCK).write_text("")
        with pytest.raises(InUse, match="is in use by another process: wait"), alone_in(tmp_path):
            pass


def test_a_directory_below_a_file_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(NoDirectory, match=rf"^{place} cannot be made, there is a file in its way"), alone_in(place):
            pass
        with pytest.raises(NoDirectory, match="there is a file in its way"):
            require_room(place)
