"""Every command with every kind of file that cannot be used: a sentence, a status, and never a stack trace.

Commands and their options that name files come from the application itself: a new command, or a new option that has to
be given, fails here until `NEEDED` says with what the command can be called.
"""

import ctypes
import io
import os
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, get_type_hints

import pytest
import tensorflow as tf
from typer.main import get_command

from dimerec_tf.cli import demo
from dimerec_tf.cli.main import app
from dimerec_tf.edge import catching_errors

STATUSES = {1, 2}  # of docs/command_line.md, those of a command that could not do its work
LINES, LENGTH = 6, 1500
LOG = "user_id,item_id,timestamp\n" + "".join(f"u{user},i{item},{item}\n" for user in range(9) for item in range(9))
# What a command needs beside the option under test; {config}, {log}, {empty} and {new} are places of the test.
NEEDED: dict[str, list[str]] = {
    "data fetch": ["ml-100k"],
    "data check": ["--config", "{config}"],
    "train": ["--config", "{config}", "--output", "{new}"],
    "evaluate": ["--model", "{empty}"],
    "export": ["--model", "{empty}", "--output", "{new}"],
    "pipeline run": ["--config", "{config}", "--workdir", "{new}"],
    "pipeline worker": ["--config", "{config}", "--workdir", "{new}"],
    "pipeline refresh": ["--config", "{config}", "--workdir", "{new}", "--withdraw", "{log}"],
    "pipeline compile": ["--config", "{config}", "--target", "kubeflow", "--output", "{new}"],
    "pipeline submit": ["--config", "{config}", "--target", "vertex", "--dry-run"],
    "experiment bucket": ["--salt", "s", "--bucket", "a=0.5", "--bucket", "b=0.5", "u1"],
    "experiment power": ["--baseline", "0.05", "--effect", "0.005"],
    "experiment report": ["{exposures}", "--outcomes", "{log}", "--bucket", "a=0.5", "--bucket", "b=0.5"],
    "demo": ["--workdir", "{new}"],
    "dashboard": ["--workdir", "{empty}", "--output", "{new}"],
    "doctor": [],
    "serve": ["--model-base-path", "{empty}", "--port", "0"],
    "recommend": ["--user-history", "i1", "--server", "127.0.0.1:1"],
    "loadtest": ["--histories", "{log}", "--server", "127.0.0.1:1"],
    "rollout": [
        "--server",
        "127.0.0.1:1",
        "--model-config-file",
        "{models}",
        "--version",
        "2",
        "--metrics-url",
        "http://x",
    ],
    "bench": ["--config", "{config}", "--output", "{new}"],
    "bench-incremental": ["--config", "{config}", "--output", "{new}"],
    "figures": ["--config", "{config}", "--output", "{new}"],
    "tune": ["--config", "{config}", "--output", "{new}"],
    "lineage": ["1", "--workdir", "{empty}"],
}
WRITTEN = {"output", "workdir", "results", "collect", "page", "logs", "save_config", "request_log_dir"} | {
    "reverse_steps_json"
}
FOLDERS_READ = {("dashboard", "workdir"), ("lineage", "workdir")}
# A directory is what is asked for, and an empty one is not refused: a server waits for its versions
TAKES_A_DIRECTORY = {("serve", "model_base_path")}
# What is not there yet is what is asked for: the server makes its socket
TAKES_A_NEW_NAME = {("serve", "grpc_socket_path")}


# Options that another one has to come with
COMES_WITH = {
    "ca_file": ["--tls"],
    "certificate_file": ["--tls", "--key-file", "{pem}"],
    "key_file": ["--tls", "--certificate-file", "{pem}"],
    "batching_parameters_file": ["--enable-batching"],
}
# Read at the end of the work, after what this file can give a command: a trained model, or servers that roll out
READ_LATER = {("evaluate", "log"), ("export", "log"), ("rollout", "exposures"), ("rollout", "outcomes")}


class FileOption(NamedTuple):
    """An option or argument of a command that names a file or directory."""

    command: str
    name: str
    flag: str  # '' of an argument


def _leaves(command: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    if not hasattr(command, "commands"):
        yield name, command
        return
    for part, inner in command.commands.items():
        yield from _leaves(inner, f"{name} {part}".strip())


COMMANDS = dict(_leaves(get_command(app)))


def _file_options() -> Iterator[FileOption]:
    for command, leaf in COMMANDS.items():
        kinds = get_type_hints(leaf.callback)
        for option in leaf.params:
            if "Path" in str(kinds.get(option.name)):
                yield FileOption(command, option.name, option.opts[0] if option.opts[0].startswith("-") else "")


READ = [
    option for option in _file_options() if option.name not in WRITTEN or (option.command, option.name) in FOLDERS_READ
]
PLACES = [option for option in _file_options() if option.name in ("output", "workdir") and option not in READ]


def test_every_command_is_here() -> None:
    assert set(NEEDED) == set(COMMANDS)
    assert len(READ) > 30 and len(PLACES) >= 10
    assert {option.name for option in READ} >= {"config", "titles", "withdraw", "exposures", "token_file", "log"}


@pytest.fixture()
def places(tmp_path: Path) -> dict[str, Path]:
    (tmp_path / "log.csv").write_text(LOG)
    (tmp_path / "config.yaml").write_text(f"data: {{path: {tmp_path / 'log.csv'}}}")
    (tmp_path / "empty").mkdir()
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "interactions.csv").write_text(LOG)
    (tmp_path / "data" / "items.csv").write_text("item_id,title,category\n" + "".join(f"i{i},t,c\n" for i in range(9)))
    (tmp_path / "binary").write_bytes(bytes(range(256)) * 8)
    (tmp_path / "unreadable").write_bytes(b"\xff\x00")
    (tmp_path / "unreadable").chmod(0)
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "readonly").mkdir(mode=0o555)
    (tmp_path / "models").write_text('model_config_list { config { name: "dimerec" base_path: "/m" } }')
    (tmp_path / "pem").write_text("-----BEGIN CERTIFICATE-----")
    _write_exposure(tmp_path / "exposures")
    names = {"log": "log.csv", "config": "config.yaml"}
    known = "pem models exposures data log config empty binary unreadable loop readonly missing new"
    return {name: tmp_path / names.get(name, name) for name in known.split()}


UNREADABLE = [
    pytest.param(option, bad, id=f"{option.command} {option.name} {bad}")
    for option in READ
    for bad in ("missing", "empty", "unreadable", "binary", "loop")
    if not (bad == "empty" and (option.command, option.name) in TAKES_A_DIRECTORY)
    and not (bad == "missing" and (option.command, option.name) in TAKES_A_NEW_NAME)
]


@pytest.mark.parametrize(("option", "bad"), UNREADABLE)
def test_a_file_that_cannot_be_read(
    option: FileOption, bad: str, places: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    with _without_the_rights_of_root():
        said = _assert_refused(_call(option, str(places[bad]), places), capsys)
    unnamed = (option.command, option.name) in READ_LATER or (option.name in ("log", "titles") and bad == "binary")
    assert str(places[bad]) in said or unnamed, said


def _write_exposure(file: Path) -> None:
    values = {"user_id": b"u1", "experiment_bucket": b"a", "item_ids": b"i1"}
    features = {name: tf.train.Feature(bytes_list=tf.train.BytesList(value=[text])) for name, text in values.items()}
    with tf.io.TFRecordWriter(str(file)) as writer:
        writer.write(tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString())


@pytest.fixture(autouse=True)
def _data_set_at_hand(places: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "fetch_and_show", lambda _: places["data"])
    monkeypatch.setenv("DIMEREC_CACHE_DIR", str(places["binary"]))


@pytest.mark.parametrize("bad", ["readonly", "binary/below", "loop/below"])
@pytest.mark.parametrize("option", PLACES, ids=lambda option: f"{option.command} {option.name}")
def test_a_place_that_cannot_be_written(
    option: FileOption, bad: str, places: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    place, _, below = bad.partition("/")
    with _without_the_rights_of_root():
        _assert_refused(_call(option, str(places[place] / (below or "out")), places), capsys)


@pytest.mark.parametrize("option", PLACES, ids=lambda option: f"{option.command} {option.name}")
def test_a_disk_that_takes_nothing(
    option: FileOption, places: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    with _files_of_no_length():
        _assert_refused(_call(option, str(places["new"]), places), capsys)


CONFIGURED = [name for name, needed in NEEDED.items() if "{config}" in needed]


@pytest.mark.parametrize("command", CONFIGURED)
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("data: {path: LOG, user_colum: u}", "Did you mean 'user_column'?"),
        ("trainin: {epochs: 1}", "Did you mean 'training'?"),
        ("model: {kind: sasrce}", "Did you mean 'sasrec'?"),
        ("name: \xe9", "is not UTF-8: line 1"),
        ("name: [", "is not valid YAML, line 1"),
        ("- name", "must hold a YAML mapping, got list"),
    ],
)
def test_a_configuration_with_a_typo(
    command: str, text: str, said: str, places: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    if command == "bench" and "Did" in said:
        text, said = "dataset: {}", "Did you mean 'datasets'?"
    places["config"].write_bytes(text.encode("latin-1"))
    assert said in _assert_refused([*command.split(), *_needed(command, places)], capsys)


READS_THE_LOG = ["data check", "train", "pipeline run", "bench-incremental", "figures", "tune"]


@pytest.mark.parametrize("command", READS_THE_LOG)
def test_a_column_that_there_is_not(command: str, places: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    places["config"].write_text(f"data: {{path: {places['log']}, item_column: item}}")
    said = _assert_refused([*command.split(), *_needed(command, places)], capsys)
    assert "has no column 'item', only 'user_id', 'item_id', 'timestamp'" in said


PRINTS_AT_ONCE = ["data check", "experiment bucket", "experiment power"]


@pytest.mark.parametrize("command", PRINTS_AT_ONCE)
@pytest.mark.parametrize("as_json", [[], ["--json"]])
def test_output_on_a_full_disk(
    command: str,
    as_json: list[str],
    places: dict[str, Path],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        said = _assert_refused([*command.split(), *_needed(command, places), *as_json], capsys)
        monkeypatch.undo()
    assert "No space left on device" in said


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_every_command_on_a_console_of_ascii(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "Usage:" in _in_ascii([*command.split(), "--help"], monkeypatch)


@pytest.mark.parametrize(("as_json", "said"), [([], "Am\\xe9lie\t"), (["--json"], '"Am\\u00e9lie": "')])
def test_ids_on_a_console_of_ascii(as_json: list[str], said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    call = ["experiment", "bucket", "--salt", "s", "--bucket", "b=0.5", "--bucket", "c=0.5", "Am\u00e9lie", *as_json]
    assert said in _in_ascii(call, monkeypatch)


def test_a_path_on_a_console_of_ascii(places: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    log = places["new"].with_name("Am\u00e9lie [12].csv")
    log.write_text(LOG)
    places["config"].write_text(f'data: {{path: "{log}"}}', encoding="utf-8")
    said = _in_ascii(["data", "check", "--config", str(places["config"])], monkeypatch)
    assert "events" in said and "81" in said


def _in_ascii(call: list[str], monkeypatch: pytest.MonkeyPatch) -> str:
    """What a command prints that ends with 0."""
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    with pytest.raises(SystemExit) as end, catching_errors():
        app(call)
    assert end.value.code == 0
    return raw.getvalue().decode("ascii")


def _needed(command: str, places: dict[str, Path]) -> list[str]:
    return [word.format(**places) if word.startswith("{") else word for word in NEEDED[command]]


def _call(option: FileOption, value: str, places: dict[str, Path]) -> list[str]:
    """The command with this value for this option, and else with what it needs."""
    words = _needed(option.command, places)
    if option.name in ("log", "items") and "--config" in words:  # these go with --preset
        at = words.index("--config")
        words[at : at + 2] = ["--preset", "ml-100k", *(["--log", str(places["log"])] if option.name == "items" else [])]
    if option.name == "catalogue":
        del words[:2]
    if (option.command, option.name) == ("serve", "model_config_file"):
        del words[:2]
    words += [word.format(**places) for word in COMES_WITH.get(option.name, [])]
    if not option.flag:
        words = [value, *words[1:]]
    elif option.flag in words:
        words[words.index(option.flag) + 1] = value
    else:
        words += [option.flag, value]
    return [*option.command.split(), *words]


def _assert_refused(call: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Runs a command that has to fail; what it said on standard error."""
    with pytest.raises(SystemExit) as end, catching_errors():
        app(call)
    said = capsys.readouterr().err
    assert end.value.code in STATUSES, said
    assert "Traceback" not in said and said.strip()
    assert said.count("\n") <= LINES or "Usage:" in said, said
    assert len(said) <= LENGTH, said
    return said


@contextmanager
def _files_of_no_length() -> Iterator[None]:
    """Every write to a file is refused by the system, as on a full disk."""
    former = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, former[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, former)


CAPABILITIES_VERSION = 0x20080522
READ_AND_WRITE_ALL = 0b110  # CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH


@contextmanager
def _without_the_rights_of_root() -> Iterator[None]:
    """Permissions of files count for this thread, even if it is root's."""
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(CAPABILITIES_VERSION, 0)
    sets = (ctypes.c_uint32 * 6)()
    assert libc.capget(header, sets) == 0
    former = sets[0]
    sets[0] = former & ~READ_AND_WRITE_ALL
    assert libc.capset(header, sets) == 0, os.strerror(ctypes.get_errno())
    try:
        yield
    finally:
        sets[0] = former
        assert libc.capset(header, sets) == 0
