"""Whatever ends a command: a sentence on standard error, a status, and no stack trace but in a file."""

import csv
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pyarrow as pa
import pytest
import requests
import tensorflow as tf
import yaml

from dimerec_tf.edge import catching_errors
from dimerec_tf.errors import DimeRecError

TRACE = re.compile(r"Its stack trace is in (\S+\.trace)\.")


def _ended(capsys: pytest.CaptureFixture[str], work: Callable[[], Any]) -> tuple[int, str]:
    """The status, and what was said on standard error."""
    with pytest.raises(SystemExit) as end, catching_errors():
        work()
    return int(end.value.code or 0), capsys.readouterr().err


def _raising(error: BaseException) -> Callable[[], None]:
    def work() -> None:
        raise error

    return work


@pytest.mark.parametrize(
    ("work", "said"),
    [
        (lambda: open("/no/such/file"), "Cannot use /no/such/file: No such file or directory. Check the path."),  # noqa: PTH123, SIM115
        (lambda: Path("/").read_text(), "Cannot use /: Is a directory. A file is needed there: check the path."),
        (lambda: Path("/dev/null/x").mkdir(), "Cannot use /dev/null/x: Not a directory. A part of the path is a file"),
        (lambda: Path("/dev/full").write_text("x"), "The system refused: No space left on device. Make room and start"),
        (_raising(PermissionError(13, "Permission denied", "x")), "Cannot use x: Permission denied. Check who may"),
        (_raising(OSError(30, "Read-only file system", "x")), "Cannot use x: Read-only file system. Name a place"),
        (lambda: b"abc\xe9".decode(), "A text is not utf-8: byte 3 is 0xe9"),
        (lambda: "\udc80".encode(), "A text has characters that cannot be written"),
        (_raising(MemoryError()), "There is not enough memory."),
        (_raising(DimeRecError("HR@10 is [bold]low[/] \x1b[2J.")), r"error: HR@10 is [bold]low[/] \x1b[2J."),
    ],
)
def test_what_the_system_refuses_is_a_sentence(
    capsys: pytest.CaptureFixture[str], work: Callable[[], Any], said: str
) -> None:
    status, err = _ended(capsys, work)
    assert status == 1
    assert said in err and err.startswith("error: ") and err.count("\n") == 1


def _stopped_at_first() -> None:
    list(csv.reader(["a\rb"]))


@pytest.mark.parametrize(
    ("work", "said"),
    [
        (_stopped_at_first, "A CSV file cannot be read: new-line character seen in unquoted field"),
        (lambda: json.loads("{"), "A JSON text cannot be read: Expecting property name"),
        (lambda: yaml.safe_load("a: ["), "A YAML file cannot be read: while parsing a flow node"),
        (lambda: sqlite3.connect("/").execute("select 1"), "A SQLite database cannot be used: unable to open"),
        (lambda: zlib.decompress(b"no"), "A compressed file cannot be read: Error -3"),
        (lambda: pa.array(["x"]).cast(pa.int64()), "A table cannot be read or written: Failed to parse string"),
        (lambda: tf.io.read_file("/no/such").numpy(), "TensorFlow could not do it: "),
        (lambda: requests.get("http://127.0.0.1:1", timeout=1), "A server could not be asked: "),
        (_raising(grpc.RpcError("gone")), "A server could not be asked: gone."),
    ],
)
def test_what_a_library_refuses_is_a_sentence_and_its_trace_is_kept(
    capsys: pytest.CaptureFixture[str], work: Callable[[], Any], said: str
) -> None:
    status, err = _ended(capsys, work)
    assert status == 1
    assert said in err and err.count("\n") == 1 and len(err) < 600
    assert "Traceback" in _trace(err)


def test_a_cause_that_is_known_is_said_for_what_was_made_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    def work() -> None:
        try:
            Path("/dev/full").write_text("x")
        except OSError as error:
            raise RuntimeError("[while running 'Write']") from error

    status, err = _ended(capsys, work)
    assert status == 1 and "No space left on device" in err and "while running 'Write'" in _trace(err)


def test_a_fault_of_the_program_is_not_hidden(capsys: pytest.CaptureFixture[str]) -> None:
    status, err = _ended(capsys, lambda: {}["category"])  # type: ignore[misc]
    assert status == os.EX_SOFTWARE == 70
    assert err.startswith("error: This is a fault of the program, KeyError: 'category'. Its stack trace is in ")
    assert "Traceback" in (trace := _trace(err)) and "test_edge.py" in trace


def test_where_no_file_can_be_written_the_trace_is_said(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(tempfile, "NamedTemporaryFile", refuse)
    status, err = _ended(capsys, lambda: {}["category"])  # type: ignore[misc]
    assert status == 70 and "Traceback" in err and "test_edge.py" in err


def _trace(err: str) -> str:
    named = TRACE.search(err)
    assert named
    trace = Path(named[1]).read_text(encoding="utf-8")
    Path(named[1]).unlink()
    return trace


@pytest.mark.parametrize("made_of_it", [None, RuntimeError("bundle failed"), SyntaxError("another")])
def test_an_interrupt_is_one_whatever_a_library_makes_of_it(
    capsys: pytest.CaptureFixture[str], made_of_it: Exception | None
) -> None:
    def work() -> None:
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            if made_of_it is None:
                raise
            raise made_of_it from None

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        assert _ended(capsys, work) == (130, "")
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


def _run(code: str, **how: Any) -> subprocess.CompletedProcess[str]:
    script = f"from dimerec_tf.edge import catching_errors\nwith catching_errors():\n    {code}"
    return subprocess.run(
        [sys.executable, "-c", script],
        **{"stdout": subprocess.PIPE, **how},
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )


def test_output_on_a_full_disk_is_said(tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        for code in ("print('x')", "print('x' * 100_000)", "print('x'); raise SystemExit(0)"):
            ended = _run(code, stdout=full)
            assert ended.returncode == 1, code
            assert "No space left on device" in ended.stderr and ended.stderr.count("\n") == 1, ended.stderr


def test_a_reader_that_has_had_enough_is_no_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    ended = _run("print('x' * 100_000)", stdout=writing)
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (1, "")


def test_a_console_of_ascii_gets_escapes() -> None:
    ended = _run(r"print('Am\u00e9lie \ud800')", env={**os.environ, "PYTHONIOENCODING": "ascii:strict", "LC_ALL": "C"})
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "Am\\xe9lie \\ud800\n", "")
