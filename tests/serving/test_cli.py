"""`dimerec recommend` and `dimerec serve`."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import grpc
import pytest
import requests
import typer
from tensorflow_serving.apis import prediction_service_pb2_grpc
from typer.testing import CliRunner

from dimerec_tf.cli.recommend import recommend
from dimerec_tf.cli.serve import serve
from dimerec_tf.cli.tf_serving_form import TfServingForm
from dimerec_tf.errors import DimeRecError
from serving.client.client import RecommendClient, RecommendError
from serving.request_log.files import read_request_log
from serving.server.options import ServerOptions
from serving.server.served_model import LoadRetries
from serving.server_process import free_port
from tests.serving.running import TIMEOUT, Stubs, until
from tests.serving.toy import NAME, TOO_LARGE, request

TOKEN = [("authorization", "Bearer secret")]

app = typer.Typer()
app.command()(recommend)
app.command(cls=TfServingForm)(serve)
runner = CliRunner()


def test_rest_answers_the_same(toy_server: Stubs) -> None:
    arguments = ["--user-history", "a", "--filter-seen", "--k", "2", "--json"]
    command = ["recommend", "--rest", "--server", toy_server.rest_address, "--model-name", NAME, *arguments]
    result = runner.invoke(app, command, catch_exceptions=False)
    over_rest, over_grpc = json.loads(result.output), json.loads(ask(toy_server, *arguments))
    assert over_rest["cold_start"] == over_grpc["cold_start"]
    assert [item["item_id"] for item in over_rest["items"]] == [item["item_id"] for item in over_grpc["items"]]


@pytest.fixture
def titles(tmp_path: Path) -> Path:
    path = tmp_path / "items.csv"
    path.write_text('item_id,title,year\na,Alien [1],1979\nb,"Bits, Bytes",\n', encoding="utf-8")
    return path


def ask(stubs: Stubs, *arguments: str) -> str:
    command = ["recommend", "--server", stubs.address, "--model-name", NAME, *arguments]
    result = runner.invoke(app, command, catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


def test_the_table_shows_rank_item_title_and_score(toy_server: Stubs, titles: Path) -> None:
    output = ask(toy_server, "--user-history", "c, d", "--k", "3", "--titles", str(titles))
    rows = [line.split("│")[1:-1] for line in output.splitlines() if line.startswith("│")]
    assert [[cell.strip() for cell in row] for row in rows] == [
        ["1", "a", "Alien [1] (1979)", "7.0000"],
        ["2", "b", "Bits, Bytes", "6.9000"],
        ["3", "c", "", "6.8000"],
    ]
    assert "most popular" not in output


def test_json_is_for_programs(toy_server: Stubs, titles: Path) -> None:
    output = ask(
        toy_server,
        "--user-history",
        "a",
        "--filter-seen",
        "--exclude",
        "c,d",
        "--k",
        "2",
        "--titles",
        str(titles),
        "--json",
    )
    answer = json.loads(output)
    assert answer["cold_start"] is False
    assert [(item["rank"], item["item_id"], item["title"]) for item in answer["items"]] == [
        (1, "b", "Bits, Bytes"),
        (2, "é", None),
    ]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--allow-category", "A", "--allow-category", "C"], ["item-2", "item-3", "item-5"]),
        (["--exclude", "item-3"], ["item-1", "item-2", "item-4"]),
        (["--exclude", "item-3", "--diversity-weight", "1"], ["item-1", "item-2", "item-6"]),
    ],
)
def test_categories_and_diversity_are_options(export_server: Stubs, options: list[str], expected: list[str]) -> None:
    output = ask(export_server, "--user-history", "", "--k", "3", "--json", *options)
    assert [item["item_id"] for item in json.loads(output)["items"]] == expected


def test_a_cold_start_is_noted(toy_server: Stubs) -> None:
    assert "most popular items" in ask(toy_server, "--user-history", "", "--k", "3")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--k", "6"], TOO_LARGE),
        (["--model-name", "x"], "Servable not found"),
        (["--titles", "missing.csv"], "Cannot read the titles"),
    ],
)
def test_errors_are_sentences(toy_server: Stubs, arguments: list[str], text: str) -> None:
    command = ["recommend", "--server", toy_server.address, "--model-name", NAME, "--user-history", "a", *arguments]
    result = runner.invoke(app, command)
    assert result.exit_code == 1
    assert isinstance(result.exception, DimeRecError)
    assert text in str(result.exception)


def test_titles_need_their_columns(tmp_path: Path) -> None:
    path = tmp_path / "items.csv"
    path.write_text("id,title\n1,x\n")
    result = runner.invoke(app, ["recommend", "--user-history", "a", "--titles", str(path)])
    assert "has no column item_id" in str(result.exception)


def test_serve_answers_until_it_is_told_to_stop(own_base: Path) -> None:
    port, rest_port = free_port(), free_port()
    answers: list[tuple[str, ...]] = []
    statuses: list[int] = []

    def ask_then_terminate() -> None:
        with RecommendClient(f"127.0.0.1:{port}", "further") as client:
            until(lambda: _try(client, answers))
        url = f"http://127.0.0.1:{rest_port}/v1/models/further"
        statuses.append(requests.get(url, timeout=TIMEOUT).status_code)
        os.kill(os.getpid(), signal.SIGTERM)

    former = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=ask_then_terminate)
    thread.start()
    arguments = ["--model-base-path", str(own_base), "--model", f"further={own_base}", "--port", str(port)]
    arguments += ["--rest-api-port", str(rest_port), "--request-log-dir", str(own_base / "log")]
    arguments += ["--request-log-sampling-rate", "1"]
    result = runner.invoke(app, ["serve", *arguments], catch_exceptions=False)
    thread.join()
    assert result.exit_code == 0
    assert answers == [("a", "b")]
    assert statuses == [200]
    assert [row.item_ids for row in read_request_log(own_base / "log")] == [("a", "b")]
    listening = f"Listening on port {port} (gRPC) and {rest_port} (REST) of 127.0.0.1, which this machine alone reaches"
    assert listening in result.output
    assert "dimerec: version 1, from" in result.output
    assert signal.getsignal(signal.SIGTERM) is former


def test_serve_takes_its_options_from_files(own_base: Path, tmp_path: Path) -> None:
    """One server with a model config, batching and a token, asked by TF Serving's own stub."""
    port = free_port()
    for name, text in (
        (
            "models",
            f'model_config_list {{ config {{ name: "{NAME}" base_path: "{own_base}" '
            'version_labels { key: "stable" value: 1 } } }',
        ),
        ("batching", "max_batch_size { value: 2 }"),
        ("token", "secret"),
    ):
        (tmp_path / f"{name}.config").write_text(text)
    outcomes: list[object] = []

    def ask_then_terminate() -> None:
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
            for rows, metadata in ((1, None), (3, TOKEN), (1, TOKEN)):
                message = request([["a"]] * rows)
                message.model_spec.version_label = "stable"
                call = stub.Predict.future(message, timeout=60, wait_for_ready=True, metadata=metadata)
                outcomes.append(call.code())
        os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=ask_then_terminate)
    thread.start()
    files = {name: str(tmp_path / f"{name}.config") for name in ("models", "batching", "token")}
    arguments = ["--model-config-file", files["models"], "--port", str(port), "--enable-batching"]
    arguments += ["--batching-parameters-file", files["batching"], "--auth-token-file", files["token"]]
    result = runner.invoke(app, ["serve", *arguments], catch_exceptions=False)
    thread.join()
    assert result.exit_code == 0
    assert outcomes == [grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.OK]


def _try(client: RecommendClient, answers: list[tuple[str, ...]]) -> bool:
    try:
        answers.append(client.recommend([["a"]], k=2)[0].item_ids)
    except RecommendError:
        return False
    return True


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ([], "Name what to serve"),
        (["--model-base-path", "x", "--model-config-file", "y"], "and not both"),
        (["--model-config-file", "missing-file"], "missing-file cannot be read"),
        (["--model-base-path", ".", "--batching-parameters-file", "x"], "without --enable-batching"),
        (["--model-base-path", ".", "--enable-batching", "--batching-parameters-file", "missing"], "cannot be read"),
        (["--model-base-path", ".", "--ssl-config-file", "missing"], "cannot be read"),
        (["--model-base-path", ".", "--auth-token-file", "missing"], "cannot be read"),
        (["--model", "shop"], "must be NAME=DIR, got 'shop'"),
        (["--model", "a=x", "--model", "a=y"], "given twice"),
        (["--model-base-path", "missing-directory"], "does not exist"),
    ],
)
def test_serve_refuses_what_it_cannot_serve(arguments: list[str], text: str) -> None:
    result = runner.invoke(app, ["serve", *arguments])
    assert result.exit_code == 1
    assert isinstance(result.exception, DimeRecError)
    assert text in str(result.exception)


def test_metrics_need_the_rest_port(own_base: Path, tmp_path: Path) -> None:
    file = tmp_path / "monitoring.config"
    file.write_text("prometheus_config { enable: true }")
    arguments = ["--model-base-path", str(own_base), "--monitoring-config-file", str(file)]
    result = runner.invoke(app, ["serve", *arguments])
    assert result.exit_code == 1
    assert "Add --rest-api-port" in str(result.exception)


@pytest.mark.parametrize("command", ["serve", "recommend"])
def test_help_shows_an_example(command: str) -> None:
    result = runner.invoke(app, [command, "--help"])
    assert f"Example: dimerec {command} " in result.output


def test_importing_the_commands_does_not_import_tensorflow() -> None:
    code = (
        "import sys, dimerec_tf.cli.serve, dimerec_tf.cli.recommend; print({'tensorflow', 'grpc'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert run.stdout.strip() == "set()"


@pytest.mark.parametrize(
    ("arguments", "batching"),
    [
        (["--model_name=shop", "--model_base_path=.", "--enable_batching"], True),
        (["--model_name", "shop", "--model_base_path", ".", "--enable_batching=true"], True),
        (["--model-name=shop", "--model-base-path=.", "--enable_batching=false"], False),
        (["--model-name", "shop", "--model_base_path=.", "--no-enable-batching"], False),
    ],
)
def test_options_may_be_written_as_tf_servings(
    arguments: list[str], batching: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[tuple[dict, str, ServerOptions]] = []

    def start(*given: Any) -> None:
        started.append(given)
        raise DimeRecError("enough")

    monkeypatch.setattr("serving.server.app.start_server", start)
    more = ["--rest_api_port=8501", "--rest_api_timeout_in_ms=5000", "--rest_api_enable_cors_support=true"]
    more += ["--max_num_load_retries=2", "--load_retry_interval_micros=500000", "--grpc_socket_path=x.sock"]
    result = runner.invoke(app, ["serve", *arguments, *more])
    assert str(result.exception) == "enough", result.output
    ((models, address, options),) = started
    assert list(models) == ["shop"] and address == "127.0.0.1:8500"
    assert (options.batching is not None) == batching
    assert (options.rest_address, options.rest_timeout_seconds, options.rest_cors) == ("127.0.0.1:8501", 5.0, True)
    assert options.load_retries == LoadRetries(2, 0.5) and options.socket_path == Path("x.sock")


def test_an_option_that_is_not_there_is_still_an_error() -> None:
    assert runner.invoke(app, ["serve", "--model_nam=x"]).exit_code == 2
    assert runner.invoke(app, ["serve", "--enable_batching=perhaps"]).exit_code == 2
