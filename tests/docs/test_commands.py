"""Every command in the documentation can be run: by a test that is named, or here; and its options exist."""

import importlib
import os
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import typer
from typer.core import TyperCommand, TyperGroup
from typer.testing import CliRunner

from dimerec_tf.cli.main import app
from tests.docs.commands import ROOT, Command, blocks_of, documented_commands, words_of
from tests.docs.runs import HERE, NOT_RUN, RUN_BY

NOT_OURS = ("bash", "grep", "rm", "touch")  # in recipes: of the set-up, the lock and the list of targets
OUR_MODULES = ("serving.soak", "serving.benchmark", "dimerec_tf.training_benchmark")
ENTRIES = {**dict.fromkeys(HERE, "here"), **RUN_BY, **NOT_RUN}


@cache
def _recipe(target: str) -> list[tuple[str, ...]]:
    """The commands of a target of the Makefile."""
    outside = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    printed = subprocess.run(
        ["make", "--dry-run", "--silent", "--no-print-directory", target],
        cwd=ROOT,
        env=outside,
        capture_output=True,
        text=True,
        check=False,
    )
    assert printed.returncode == 0, printed.stderr
    lines = [line for part in printed.stdout.splitlines() for line in part.split(" && ")]
    return [words_of(re.sub(r"^(\w+=\S+ )+", "", line)) for line in lines]


def _expanded(commands: list[Command]) -> Iterator[Command]:
    """With the recipe of each target in place of `make`."""
    for command in commands:
        if command.words[0] != "make":
            yield command
            continue
        for words in _recipe(command.words[1]):
            if words and words[0] not in NOT_OURS:
                yield Command(f"Makefile: {command.words[1]}", words, command.whole)


@cache
def _commands() -> tuple[Command, ...]:
    return tuple({(each.words, each.whole): each for each in _expanded(documented_commands())}.values())


def _entry(words: tuple[str, ...]) -> str | None:
    line = " ".join(words) + " "
    return max((entry for entry in ENTRIES if line.startswith(entry + " ")), key=len, default=None)


def _is_given(option: str, code: str) -> bool:
    """Whether a test's code has an option, on a command line or as an argument of the command's function."""
    return f'"{option}"' in code or f"{option.removeprefix('--').replace('-', '_')}=" in code


def _parser(words: tuple[str, ...]) -> tuple[TyperCommand | TyperGroup, tuple[str, ...]] | None:
    """The command of ours that words begin with, and its arguments."""
    if words[:2] == ("python", "-m") and words[2] in OUR_MODULES:
        own = typer.Typer()
        own.command()(importlib.import_module(f"{words[2]}.__main__").main)
        return typer.main.get_command(own), words[3:]
    if words[0] != "dimerec":
        return None
    command, rest = typer.main.get_command(app), words[1:]
    while rest and not rest[0].startswith("--") and isinstance(command, TyperGroup):
        assert rest[0] in command.commands, f"dimerec has no command {rest[0]!r}"
        command, rest = command.commands[rest[0]], rest[1:]
    return command, rest


def _check_options(words: tuple[str, ...], whole: bool) -> None:
    """Options exist and, of a whole command, none that is needed is missing and values are of their types."""
    found = _parser(words)
    if found is None:
        return
    command, arguments = found
    known = {option for each in command.params for option in (*each.opts, *each.secondary_opts)} | {"--help"}
    assert {word for word in arguments if word.startswith("--")} <= known
    if not whole or isinstance(command, TyperGroup) or "--help" in arguments:
        return
    command.make_context("dimerec", list(arguments))


@pytest.mark.parametrize("command", _commands(), ids=lambda command: f"{command.page}: {' '.join(command.words)}"[:120])
def test_a_documented_command_exists_and_is_run_by_a_test(command: Command) -> None:
    _check_options(command.words, command.whole)
    if not command.whole:
        return
    entry = _entry(command.words)
    assert entry, f"{command.page} has a command that tests/docs/runs.py does not list: {' '.join(command.words)}"
    if entry in RUN_BY:
        code = "".join((ROOT / test.partition("::")[0]).read_text() for test in RUN_BY[entry])
        options = {word.partition("=")[0] for word in command.words if word.startswith("--")}
        assert {option for option in options if not _is_given(option, code)} == set(), "no test gives these"


@pytest.mark.parametrize("test", [test for tests in RUN_BY.values() for test in tests])
def test_a_test_that_runs_a_command_exists(test: str) -> None:
    file, _, name = test.partition("::")
    assert f"\ndef {name}(" in (ROOT / file).read_text()


def test_every_entry_is_of_use() -> None:
    assert {_entry(command.words) for command in _commands()} - {None} == set(ENTRIES)


@pytest.mark.parametrize("command", [each for each in _commands() if each.whole and _entry(each.words) in HERE])
def test_it_runs_as_it_is_printed(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    own_log = ROOT / "docs/own_log.md"
    (tmp_path / "my-shop.yaml").write_text(blocks_of(own_log, "yaml")[0])
    (tmp_path / "items.csv").write_text(blocks_of(own_log, "csv")[1])
    (tmp_path / "clicks").mkdir()
    (tmp_path / "clicks/2026.csv").write_text(blocks_of(own_log, "csv")[0])
    result = CliRunner().invoke(app, command.words[1:], catch_exceptions=False)
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("dimerec serve --port", "requires an argument"),
        ("dimerec serve --port many", "valid integer"),
        ("dimerec serve --prot 8500", "--prot"),
        ("dimerec server", "no command 'server'"),
        ("dimerec data check", "config"),
    ],
)
def test_a_wrong_command_would_be_found(line: str, said: str) -> None:
    with pytest.raises(Exception, match=said):
        _check_options(words_of(line), whole=True)
