"""`dimerec loadtest` counts what a server really did."""

import json
from collections.abc import Iterator
from concurrent import futures
from pathlib import Path

import grpc
import pytest
import typer
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc
from typer.testing import CliRunner

from dimerec_tf.cli.loadtest import loadtest
from dimerec_tf.errors import DimeRecError
from serving.client.client import RecommendError
from serving.loadtest.load import run_load
from serving.loadtest.requests import drawn_histories, predict_requests, read_histories
from serving.server_process import free_port
from tests.serving.running import Stubs
from tests.serving.toy import CATALOGUE, MAX_K, NAME

app = typer.Typer()
app.command()(loadtest)
runner = CliRunner()


class Moody(prediction_service_pb2_grpc.PredictionServiceServicer):
    """Refuses every third call."""

    def __init__(self) -> None:
        self.refused = self.answered = 0

    def Predict(
        self, request: predict_pb2.PredictRequest, context: grpc.ServicerContext
    ) -> predict_pb2.PredictResponse:
        if (self.refused + self.answered) % 3 == 2:
            self.refused += 1
            context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "full")
        self.answered += 1
        return predict_pb2.PredictResponse()


@pytest.fixture
def moody() -> Iterator[tuple[str, Moody]]:
    server, service = grpc.server(futures.ThreadPoolExecutor(1)), Moody()
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(service, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}", service
    server.stop(0).wait()


@pytest.fixture
def catalogue(tmp_path: Path) -> Path:
    path = tmp_path / "items.txt"
    path.write_text("".join(f"{item}\n" for item in CATALOGUE), encoding="utf-8")
    return path


def test_a_row_for_each_concurrency(toy_server: Stubs, catalogue: Path, tmp_path: Path) -> None:
    output = tmp_path / "rows.json"
    options = ["--concurrency", "1,4", "--seconds", "0.5", "--catalogue", str(catalogue), "--output", str(output)]
    command = ["--server", toy_server.address, "--model-name", NAME, "--k", "2", "--history-length", "3", *options]
    result = runner.invoke(app, command, catch_exceptions=False)
    rows = json.loads(output.read_text())
    assert [row["concurrency"] for row in rows] == [1, 4]
    for row in rows:
        assert row["qps"] > 0 and row["failures"] == {}
        assert 0 < row["p50_ms"] <= row["p95_ms"] <= row["p99_ms"]
        assert f"{row['qps']:.1f}" in result.output


def test_programs_get_the_rows_alone(toy_server: Stubs, catalogue: Path, tmp_path: Path) -> None:
    output = tmp_path / "rows.json"
    load = ["--concurrency", "1", "--seconds", "0.2", "--catalogue", str(catalogue)]
    load += ["--k", "2", "--history-length", "3"]
    command = ["--server", toy_server.address, "--model-name", NAME, *load, "--output", str(output), "--json"]
    result = runner.invoke(app, command, catch_exceptions=False)
    assert json.loads(result.stdout) == json.loads(output.read_text())


def test_failures_are_counted_by_status_and_not_as_answers(moody: tuple[str, Moody]) -> None:
    address, service = moody
    load = run_load(address, [b""], 2, 0.5)
    failed = load.failures["RESOURCE_EXHAUSTED"]
    assert set(load.failures) == {"RESOURCE_EXHAUSTED"}
    assert 0 < failed <= service.refused and 0 < len(load.latencies_ms) <= service.answered
    assert failed == pytest.approx(len(load.latencies_ms) / 2, abs=3)  # every third call
    assert load.row()["failures"] == {"RESOURCE_EXHAUSTED": failed}


def test_without_any_answer_there_are_no_quantiles() -> None:
    row = run_load(f"127.0.0.1:{free_port()}", [b""], 1, 0.2).row()
    assert (row["qps"], row["p50_ms"], row["p99_ms"]) == (0, None, None)
    assert row["failures"]["UNAVAILABLE"] > 0


def test_progress_is_told(moody: tuple[str, Moody]) -> None:
    ticks: list[float] = []
    run_load(moody[0], [b""], 1, 0.5, ticks.append)
    assert ticks == sorted(ticks) and ticks[0] == 0 and ticks[-1] > 0


def test_requests_ask_what_was_said() -> None:
    message = predict_pb2.PredictRequest.FromString(predict_requests("shop", [["a", "é"]], 7, num_steps=5)[0])
    assert message.model_spec.name == "shop"
    assert list(message.inputs["history_item_ids"].string_val) == [b"a", "é".encode()]
    assert [message.inputs[name].int_val[0] for name in ("k", "num_steps")] == [7, 5]
    plain = predict_pb2.PredictRequest.FromString(predict_requests("shop", [["a"]], 7)[0])
    assert "num_steps" not in plain.inputs, "an older export has no such input"


def test_histories_are_read_or_drawn(tmp_path: Path, catalogue: Path) -> None:
    path = tmp_path / "histories.txt"
    path.write_text("a, b\n\nc\n", encoding="utf-8")
    assert read_histories(path) == [["a", "b"], ["c"]]
    drawn = drawn_histories(catalogue, count=50, length=4)
    assert {len(history) for history in drawn} == {4} and {item for row in drawn for item in row} == set(CATALOGUE)
    assert drawn == drawn_histories(catalogue, count=50, length=4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--concurrency", "1,none"], "--concurrency takes numbers"),
        (["--concurrency", "0"], "--concurrency takes numbers"),
        ([], "either --histories FILE or --catalogue FILE"),
        (["--histories", "/no/such/file"], "cannot be read"),
    ],
)
def test_mistakes_are_explained(options: list[str], message: str) -> None:
    with pytest.raises(DimeRecError, match=message):
        runner.invoke(app, options, catch_exceptions=False)


def test_a_refused_request_is_refused_before_the_load(toy_server: Stubs, catalogue: Path) -> None:
    base = ["--server", toy_server.address, "--catalogue", str(catalogue)]
    with pytest.raises(RecommendError, match="does not serve what was asked for"):
        runner.invoke(app, [*base, "--model-name", "other"], catch_exceptions=False)
    with pytest.raises(RecommendError, match="k must lie between"):
        runner.invoke(app, [*base, "--model-name", NAME, "--k", str(MAX_K + 1)], catch_exceptions=False)
