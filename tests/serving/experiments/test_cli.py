"""`dimerec experiment` in the terminal and for programs."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from dimerec_tf.cli.experiment import app
from dimerec_tf.errors import DimeRecError
from serving.experiments.buckets import Bucket, Experiment
from serving.experiments.power import Design, effect_for_means, users_for_proportions
from tests.serving.experiments.logs import write_exposures

runner = CliRunner()
HALVES = ("--bucket", "old=0.5", "--bucket", "new=0.5")


def run(*arguments: str, text: str | None = None) -> Result:
    return runner.invoke(app, arguments, catch_exceptions=False, input=text)


@pytest.mark.parametrize("arguments", [("u1", "u 2"), ("-",)])
def test_bucket_prints_each_users_bucket(arguments: tuple[str, ...]) -> None:
    buckets = (Bucket(name="old", weight=0.5), Bucket(name="new", weight=0.5))
    made = Experiment(salt="s", buckets=buckets)
    found = run("bucket", "--salt", "s", *HALVES, *arguments, text="u1\nu 2\n")
    assert found.output == f"u1\t{made.bucket_of('u1')}\nu 2\t{made.bucket_of('u 2')}\n"
    found = run("bucket", "--salt", "s", *HALVES, *arguments, "--json", text="u1\nu 2\n")
    assert json.loads(found.output) == {user: made.bucket_of(user) for user in ("u1", "u 2")}


def test_power_asks_for_users_or_for_the_effect() -> None:
    arms = users_for_proportions(0.05, 0.005, Design(treatment_share=0.2))
    found = run("power", "--baseline", "0.05", "--effect", "0.005", "--treatment-share", "0.2")
    needed = f"{arms.control:,} users in the control and {arms.treatment:,} in the treatment"
    assert found.output == f"{needed} show an effect of 0.005.\n"
    found = run("power", "--std", "2", "--users", "1000", "--json")
    assert json.loads(found.output) == {"effect": effect_for_means(2.0, 1000, Design())}


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    shown = [(f"u{number}", "old" if number % 2 else "new", ["a", "b"]) for number in range(200)]
    clicks = tmp_path / "clicks.csv"
    clicks.write_text("user_id,item_id\n" + "".join(f"u{number},a\n" for number in range(0, 200, 2)))
    return [str(write_exposures(tmp_path / "log.tfrecord", shown)), "--outcomes", str(clicks)]


def test_report_compares_the_buckets(files: list[str]) -> None:
    output = run("report", *files, *HALVES).output
    assert "100.000%" in output
    assert "new less old, CTR: +50.000% [+50.000%, +50.000%], p = 0" in output
    found = json.loads(run("report", *files, *HALVES, "--json").output)
    assert [row["clicks"] for row in found["buckets"]] == [0, 100]
    assert found["comparisons"][0]["hit_rate"]["value"] == 1.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("bucket", "--salt", "a b", *HALVES, "u"), "got 'a b'"),
        (("bucket", "--salt", "s", "--bucket", "a=1", "u"), "two buckets or more"),
        (("power", "--baseline", "0.1"), "--effect or --users"),
        (("power", "--baseline", "0.1", "--std", "1", "--users", "9"), "--baseline or --std"),
        (("power", "--std", "0", "--users", "9"), "deviation must be above 0, got 0"),
        (("power", "--baseline", "0.1", "--users", "0"), "got 0 in all"),
        (("report", "missing", "--outcomes", "missing", *HALVES), "cannot be read"),
    ],
)
def test_errors_are_sentences(arguments: tuple[str, ...], message: str) -> None:
    result = runner.invoke(app, arguments)
    assert result.exit_code == 1
    assert isinstance(result.exception, DimeRecError)
    assert message in str(result.exception)


def test_a_mismatch_fails_the_command(files: list[str]) -> None:
    result = runner.invoke(app, ["report", *files, "--bucket", "old=0.9", "--bucket", "new=0.1"])
    assert result.exit_code == 1
    assert "Sample ratio mismatch: old 100, new 100" in str(result.exception)


@pytest.mark.parametrize("command", ["bucket", "power", "report"])
def test_help_shows_an_example(command: str) -> None:
    assert f"Example: dimerec experiment {command} " in run(command, "--help").output


def test_importing_the_command_does_not_import_tensorflow() -> None:
    code = "import sys, dimerec_tf.cli.experiment; print({'tensorflow', 'scipy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "set()"
