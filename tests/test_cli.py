import os
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from dimerec_tf.cli import data
from dimerec_tf.cli.main import app
from dimerec_tf.cli.pipeline import NotBlessed
from dimerec_tf.edge import catching_errors

DIMEREC = Path(sys.executable).with_name("dimerec")


def _dimerec(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "COLUMNS": "200", **variables}
    return subprocess.run([DIMEREC, *arguments], capture_output=True, text=True, check=False, env=environment)


@cache
def _help() -> str:
    result = _dimerec("--help")
    assert result.returncode == 0
    return result.stdout


@pytest.mark.parametrize(
    "command",
    [
        "data",
        "doctor",
        "evaluate",
        "export",
        "pipeline",
        "demo",
        "serve",
        "recommend",
        "loadtest",
        "bench",
        "bench-incremental",
        "figures",
        "experiment",
        "rollout",
        "train",
        "tune",
    ],
)
def test_help_teaches_every_command(command: str) -> None:
    assert command in _help()
    result = CliRunner().invoke(app, [command, "--help"])
    assert result.exit_code == 0
    assert f"Usage: dimerec {command}" in result.stdout


def test_every_command_has_an_example_and_is_in_the_documentation() -> None:
    page = (Path(__file__).parents[1] / "docs" / "command_line.md").read_text(encoding="utf-8")
    for name, command in _commands(get_command(app), "dimerec"):
        assert f"Example: {name}" in (command.help or ""), f"{name} has no example"
        assert f"`{name}`" in page, f"{name} is not in docs/command_line.md"


def _commands(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    """What can be called, with its name."""
    if not hasattr(command, "commands"):
        yield name, command
        return
    for part, inner in command.commands.items():
        yield from _commands(inner, f"{name} {part}")


@pytest.mark.parametrize(
    ("typed", "offered"), [("dimerec eval", "evaluate"), ("dimerec serve --model-b", "--model-base-path")]
)
def test_a_shell_completes_commands_and_options(typed: str, offered: str) -> None:
    words = typed.split()
    asked = {"_DIMEREC_COMPLETE": "complete_bash", "COMP_WORDS": typed, "COMP_CWORD": str(len(words) - 1)}
    assert offered in _dimerec(**asked).stdout.split()


def test_a_missing_package_is_said_with_a_hint(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end, catching_errors():
        import_module("no_such_package")
    assert end.value.code == 1
    assert capsys.readouterr().err == (
        "error: No module named 'no_such_package'\n"
        "hint: `dimerec doctor` says which packages are missing and how to install them.\n"
    )


def test_a_refused_model_has_a_status_of_its_own() -> None:
    with pytest.raises(SystemExit) as end, catching_errors():
        raise NotBlessed("HR@10 is too low.")
    assert end.value.code == 3


def test_an_interrupted_command_has_a_status_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(data, "load_config", interrupt)
    assert CliRunner().invoke(app, ["data", "check", "--config", "config.yaml"]).exit_code == 130


def test_wrong_options_end_with_the_status_of_usage() -> None:
    result = _dimerec("evaluate")
    assert result.returncode == 2 and "--model" in result.stderr


def test_an_error_is_a_sentence_and_an_exit_code(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("model: {dims: 3}")
    result = _dimerec("pipeline", "run", "--config", str(tmp_path / "config.yaml"))
    assert result.returncode == 1
    assert "model.dims" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.tensorflow
def test_an_unusable_log_ends_the_pipeline_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("user_id,item_id,timestamp\nu,,1\nu,i,2\n")
    (tmp_path / "config.yaml").write_text(f"data: {{path: {tmp_path / 'log.csv'}}}")
    result = _dimerec("pipeline", "run", "--config", str(tmp_path / "config.yaml"), "--workdir", str(tmp_path / "work"))
    assert result.returncode == 1
    assert "1 of 2 rows (50.00%) were set aside (1 missing item id)" in result.stderr
    assert "Traceback" not in result.stderr
    assert "missing item id" in (tmp_path / "work" / "rejected_rows" / "rejected.jsonl").read_text()


@pytest.mark.parametrize(
    ("strategy", "said"),
    [
        ("one_device", "workers take part in multi_worker and parameter_server only"),
        ("multi_worker", "multi_worker needs TF_CONFIG"),
    ],
)
@pytest.mark.tensorflow
def test_a_worker_says_what_it_misses_before_it_waits(tmp_path: Path, strategy: str, said: str) -> None:
    (tmp_path / "config.yaml").write_text(f"training: {{strategy: {strategy}}}")
    result = _dimerec("pipeline", "worker", "--config", str(tmp_path / "config.yaml"), "--workdir", str(tmp_path))
    assert result.returncode == 1 and said in result.stderr


def test_a_preset_whose_log_is_not_public_asks_for_it() -> None:
    result = _dimerec("bench", "--preset", "ml-1m")
    assert result.returncode != 0 and "name your copy with --log" in result.stderr


def test_bench_asks_what_to_run() -> None:
    result = _dimerec("bench")
    assert result.returncode == 1
    assert "either --config FILE or --preset NAME" in result.stderr
