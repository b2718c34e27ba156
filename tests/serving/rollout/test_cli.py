"""`dimerec rollout`: exit statuses, output, and the config that it saves."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from click.testing import Result
from google.protobuf import text_format
from typer.testing import CliRunner

from dimerec_tf.cli.rollout import rollout
from dimerec_tf.errors import DimeRecError
from serving.rollout.model_config import read_model_config
from tests.serving.experiments.logs import write_exposures
from tests.serving.rollout.fake_server import NAME, Running, Traffic, model_config

app = typer.Typer()
app.command()(rollout)
runner = CliRunner()
QUICK = ("--bake", "0.05", "--interval", "0.01", "--load-timeout", "0.2", "--min-requests", "100")


@pytest.fixture
def config_file(tmp_path: Path) -> Path:
    path = tmp_path / "models.config"
    path.write_text(text_format.MessageToString(model_config(1, stable=1, canary=1)))
    return path


def run(pair: list[Running], config_file: Path, *arguments: str, version: str = "2") -> Result:
    servers = [text for each in pair for text in ("--server", each.address, "--metrics-url", each.metrics_url)]
    command = ["--version", version, "--model-config-file", str(config_file), *servers, *QUICK, *arguments]
    return runner.invoke(app, command)


def test_promoted_is_success_and_the_config_is_kept(pair: list[Running], config_file: Path) -> None:
    result = run(pair, config_file, "--save-config", str(config_file), "--max-p99-ms", "90")
    assert result.exit_code == 0, result.output
    assert "promoted: Version 2 stayed within the limits. Stable is version 2." in result.output
    assert read_model_config(config_file, NAME) == model_config(2, stable=2, canary=2)


def test_rolled_back_is_status_3(pair: list[Running], config_file: Path) -> None:
    pair[0].fake.traffic = Traffic({"OK": 100, "INTERNAL": 30})
    result = run(pair, config_file, "--json", "--save-config", str(config_file))
    assert result.exit_code == 3
    found = json.loads(result.stdout)
    assert (found["result"], found["stable"], found["version"]) == ("rolled_back", 1, 2)
    assert "failed by the server's fault" in found["reason"]
    assert found["requests"] >= 100 and found["errors"] >= 30 and found["p99_ms"] == pytest.approx(9.91)
    assert read_model_config(config_file, NAME) == model_config(1, stable=1, canary=1)


def test_unfinished_is_status_4(pair: list[Running], config_file: Path) -> None:
    pair[0].fake.refuse_from = 3
    result = run(pair, config_file, "--save-config", str(config_file.with_suffix(".new")))
    assert result.exit_code == 4
    assert "unfinished: Version 2 stayed within the limits. Promoting it failed:" in result.output
    assert "Run it again, or with --abort." in result.output
    assert not config_file.with_suffix(".new").exists()


def test_a_dry_run_changes_nothing(pair: list[Running], config_file: Path) -> None:
    result = run(pair, config_file, "--dry-run")
    assert result.exit_code == 0
    assert "Would load version 2 beside version 1, give it the label canary" in result.output
    found = json.loads(run(pair, config_file, "--dry-run", "--json").stdout)
    assert (found["action"], found["stable"], found["version"]) == ("start", 1, 2)
    assert found["servers"] == [each.address for each in pair]
    assert [each.fake.reloads for each in pair] == [0, 0]


def test_abort_takes_the_canary_back(pair: list[Running], config_file: Path) -> None:
    for each in pair:
        each.fake.start_with(model_config(1, 2, stable=1, canary=2))
    arguments = [text for each in pair for text in ("--server", each.address)]
    result = runner.invoke(app, ["--abort", "--model-config-file", str(config_file), *arguments])
    assert result.exit_code == 0
    assert "rolled back: Aborted as asked. Stable is version 1." in result.output
    assert [each.fake.now() for each in pair] == [([1], {"stable": 1, "canary": 1})] * 2


def experiment(folder: Path, new_clicks: int) -> list[str]:
    shown = [(f"u{number}", "new" if number < 500 else "old", ["a"]) for number in range(1000)]
    log = write_exposures(folder / "log.tfrecord", shown)
    clicks = folder / "clicks.csv"
    clicked = [*range(new_clicks), *range(500, 600)]
    clicks.write_text("user_id,item_id\n" + "".join(f"u{number},a\n" for number in clicked))
    buckets = ["--bucket", "old=0.5", "--bucket", "new=0.5"]
    return ["--exposures", str(log), "--outcomes", str(clicks), *buckets]


@pytest.mark.parametrize(("new_clicks", "status"), [(40, 3), (95, 0), (150, 0)])
def test_significantly_fewer_clicks_take_it_back(
    pair: list[Running], config_file: Path, tmp_path: Path, new_clicks: int, status: int
) -> None:
    result = run(pair, config_file, *experiment(tmp_path, new_clicks))
    assert result.exit_code == status
    assert ("The CTR of new is -12.000% from that of old (20.000%)" in result.output) == (status == 3)


def test_a_mismatch_of_the_buckets_takes_it_back(pair: list[Running], config_file: Path, tmp_path: Path) -> None:
    arguments = [text.replace("new=0.5", "new=5") for text in experiment(tmp_path, 100)]
    result = run(pair, config_file, *arguments)
    assert result.exit_code == 3
    assert "Sample ratio mismatch" in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--version", "2"], "needs --version and --metrics-url"),
        (["--metrics-url", "http://localhost:1/"], "needs --version and --metrics-url"),
        (["--abort", "--bake", "0"], "bake_seconds: Input should be greater than 0"),
        (["--abort", "--max-error-rate", "2"], "max_error_rate: Input should be less than or equal to 1"),
        (["--abort", "--outcomes", "clicks.csv"], "belong together"),
        (["--abort", "--model-name", "shop"], "must list the model 'shop' once, it lists: dimerec, other"),
    ],
)
def test_errors_are_sentences_and_change_nothing(
    pair: list[Running], config_file: Path, arguments: list[str], message: str
) -> None:
    command = ["--model-config-file", str(config_file), "--server", pair[0].address, *arguments]
    result = runner.invoke(app, command)
    assert result.exit_code == 1
    assert isinstance(result.exception, DimeRecError)
    assert message in str(result.exception)
    assert pair[0].fake.reloads == 0


def test_a_file_that_is_no_config_is_refused(pair: list[Running], config_file: Path) -> None:
    for text in ("model_config_list { config { nome: 'x' } }", "\xff\x00"):
        config_file.write_text(text, encoding="latin-1")
        result = run(pair, config_file)
        assert "cannot be read as a model config" in str(result.exception)


def test_a_server_that_is_away_is_said_before_anything_is_done(pair: list[Running], config_file: Path) -> None:
    pair[1].stop_grpc()
    result = run(pair, config_file)
    assert f"{pair[1].address} does not answer (UNAVAILABLE)" in str(result.exception)
    assert pair[0].fake.reloads == 0


def test_help_shows_an_example() -> None:
    assert "Example: dimerec rollout --version 2 " in runner.invoke(app, ["--help"]).output


def test_importing_the_command_does_not_import_tensorflow() -> None:
    code = "import sys, dimerec_tf.cli.rollout; print({'tensorflow', 'grpc', 'requests'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "set()"
