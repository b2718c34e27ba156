"""The typed clients."""

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import grpc
import pytest
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from serving.client.client import RecommendClient, RecommendError
from serving.client.rest import RestRecommendClient
from serving.request_log.files import read_request_log
from serving.request_log.request_log import RequestLog
from serving.server.options import ServerOptions
from serving.server.rest.server import RestServer, listen
from serving.server_process import free_port
from tests.serving.running import Stubs, serving
from tests.serving.toy import NAME, TOO_LARGE

Client = type[RecommendClient] | type[RestRecommendClient]
both = pytest.mark.parametrize("client_class", [RecommendClient, RestRecommendClient], ids=["grpc", "rest"])


def address_of(stubs: Stubs, client_class: Client) -> str:
    return stubs.rest_address if client_class is RestRecommendClient else stubs.address


@both
def test_histories_of_any_length_get_their_own_answers(toy_server: Stubs, client_class: Client) -> None:
    with client_class(address_of(toy_server, client_class), NAME) as client:
        answers = client.recommend([["a", "b", "é"], [], ["zzz"]], k=5, exclude=["c"], filter_seen=True, version=7)
    assert [answer.item_ids for answer in answers] == [("d", "f"), *[("a", "b", "d", "é", "f")] * 2]
    assert [answer.cold_start for answer in answers] == [False, True, True]
    assert answers[0].scores == pytest.approx((6.7, 6.5))
    assert not any(answer.fallback for answer in answers)


def test_both_clients_get_the_same(toy_server: Stubs) -> None:
    answers = []
    for client_class in (RecommendClient, RestRecommendClient):
        with client_class(address_of(toy_server, client_class), NAME) as client:
            answers.append(client.recommend([["a"], ["é", "b"], []], k=4, filter_seen=True))
    over_grpc, over_rest = answers
    assert [answer.item_ids for answer in over_grpc] == [answer.item_ids for answer in over_rest]
    assert [answer.cold_start for answer in over_grpc] == [answer.cold_start for answer in over_rest]
    for one, other in zip(over_grpc, over_rest, strict=True):
        assert one.scores == pytest.approx(other.scores, rel=1e-6)


@both
def test_no_history_means_no_call(client_class: Client) -> None:
    with client_class(f"127.0.0.1:{free_port()}", NAME) as client:
        assert client.recommend([]) == []


@both
@pytest.mark.parametrize("arguments", [{"histories": ["ab"]}, {"histories": [["a"]], "exclude": "ab"}])
def test_a_string_in_place_of_ids_is_refused(client_class: Client, arguments: dict) -> None:
    with client_class("127.0.0.1:1", NAME) as client, pytest.raises(TypeError, match="not one string"):
        client.recommend(**arguments)


@both
def test_a_server_that_is_away_is_said_to_be(client_class: Client) -> None:
    with (
        client_class(f"127.0.0.1:{free_port()}", NAME, timeout_seconds=5) as client,
        pytest.raises(RecommendError) as caught,
    ):
        client.recommend([["a"]])
    assert str(caught.value).startswith("No server answers at 127.0.0.1:")
    assert caught.value.code is grpc.StatusCode.UNAVAILABLE


@both
def test_a_silent_server_runs_into_the_deadline(client_class: Client) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        started = time.monotonic()
        client = client_class(f"127.0.0.1:{silent.getsockname()[1]}", NAME, timeout_seconds=0.5)
        with client, pytest.raises(RecommendError, match=r"within 0\.5 s|No server answers"):
            client.recommend([["a"]])
        assert time.monotonic() - started < 5


@both
@pytest.mark.parametrize(("name", "version"), [("x/y", None), (NAME, 3)])
def test_what_is_not_served_is_named(toy_server: Stubs, client_class: Client, name: str, version: int | None) -> None:
    with (
        client_class(address_of(toy_server, client_class), name, fallback=["a"]) as client,
        pytest.raises(RecommendError) as caught,
    ):
        client.recommend([["a"]], version=version)
    assert "does not serve what was asked for: Servable not found" in str(caught.value)
    assert caught.value.code is grpc.StatusCode.NOT_FOUND


@both
def test_a_refused_request_brings_the_models_sentence_alone(toy_server: Stubs, client_class: Client) -> None:
    address = address_of(toy_server, client_class)
    with client_class(address, NAME, fallback=["a"]) as client, pytest.raises(RecommendError) as caught:
        client.recommend([["a"]], k=6)
    assert str(caught.value) == f"{address} refused the request (INVALID_ARGUMENT): {TOO_LARGE}"


@dataclass
class Flaky(prediction_service_pb2_grpc.PredictionServiceServicer):
    """Refuses the first calls with a status, then answers as the toy does."""

    stubs: Stubs
    refusals: int
    code: grpc.StatusCode
    calls: int = 0

    def Predict(
        self, request: predict_pb2.PredictRequest, context: grpc.ServicerContext
    ) -> predict_pb2.PredictResponse:
        self.calls += 1
        if self.calls <= self.refusals:
            context.abort(self.code, "not now")
        return self.stubs.predictions.Predict(request)


@pytest.fixture
def flaky(toy_server: Stubs) -> Iterator[tuple[Flaky, dict[Client, str]]]:
    """A server of both kinds that has nothing but a flaky service, and its addresses."""
    service = Flaky(toy_server, 0, grpc.StatusCode.UNAVAILABLE)
    rest_services = toy_server.server.rest._application.settings["services"]
    with ThreadPoolExecutor(4) as executor:
        server = grpc.server(executor)
        prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(service, server)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        services = replace(rest_services, predictions=service)
        rest = RestServer(services, listen("127.0.0.1:0"))
        addresses = {RecommendClient: f"127.0.0.1:{port}", RestRecommendClient: f"127.0.0.1:{rest.port}"}
        yield service, addresses
        rest.stop(1)
        server.stop(1).wait()


@both
@pytest.mark.parametrize("code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED])
def test_a_server_that_is_overloaded_or_away_is_asked_again(
    flaky: tuple[Flaky, dict[Client, str]], client_class: Client, code: grpc.StatusCode
) -> None:
    service, addresses = flaky
    service.refusals, service.code = 2, code
    with client_class(addresses[client_class], NAME, timeout_seconds=20, fallback=["f"]) as client:
        (answer,) = client.recommend([["a"]], k=2)
    assert (answer.item_ids, answer.fallback, service.calls) == (("a", "b"), False, 3)


@both
def test_other_refusals_are_final(flaky: tuple[Flaky, dict[Client, str]], client_class: Client) -> None:
    service, addresses = flaky
    service.refusals, service.code = 2, grpc.StatusCode.FAILED_PRECONDITION
    with client_class(addresses[client_class], NAME, fallback=["f"]) as client, pytest.raises(RecommendError):
        client.recommend([["a"]], k=2)
    assert service.calls == 1


@both
def test_an_end_of_retries_brings_the_fallback(flaky: tuple[Flaky, dict[Client, str]], client_class: Client) -> None:
    service, addresses = flaky
    service.refusals, service.code = 1000, grpc.StatusCode.RESOURCE_EXHAUSTED
    with client_class(addresses[client_class], NAME, timeout_seconds=20, fallback=["f", "e", "d"]) as client:
        answers = client.recommend([["e"], []], k=2, exclude=["x"], filter_seen=True)
    assert [answer.item_ids for answer in answers] == [("f", "d"), ("f", "e")]
    assert answers[0].scores == pytest.approx((1, 1 / 3))
    assert all(answer.fallback and not answer.cold_start for answer in answers)
    assert service.calls == 5


@both
def test_a_server_that_is_away_or_silent_brings_the_fallback(client_class: Client) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        for port in (free_port(), silent.getsockname()[1]):
            with client_class(f"127.0.0.1:{port}", NAME, timeout_seconds=0.5, fallback=["a", "b"]) as client:
                (answer,) = client.recommend([["x"]], k=1, exclude=["a"])
            assert (answer.item_ids, answer.fallback) == (("b",), True)


def test_bucket_and_user_reach_the_request_log(toy_base: Path, tmp_path: Path) -> None:
    with serving(toy_base, ServerOptions(request_log=RequestLog(tmp_path, 1.0))) as stubs:
        for client_class, bucket in ((RecommendClient, "one"), (RestRecommendClient, "two")):
            with client_class(address_of(stubs, client_class), NAME) as client:
                client.recommend([["a"]], experiment_bucket=bucket, user_id="u", k=1)
    assert [(row.experiment_bucket, row.user_id) for row in read_request_log(tmp_path)] == [("one", "u"), ("two", "u")]


@pytest.mark.parametrize(
    ("status", "body", "text"),
    [
        (200, "hello", "holds no recommendations: hello"),
        (200, '{"outputs": {"x": [1]}}', "holds no recommendations"),
        (418, "teapot", "HTTP status 418, teapot"),
        (403, '{"error": "go away"}', "PERMISSION_DENIED): go away"),
    ],
)
def test_what_is_no_server_of_ours_is_shown(status: int, body: str, text: str) -> None:
    class Strange(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Strange) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/"
        with RestRecommendClient(url, NAME) as client, pytest.raises(RecommendError) as caught:
            client.recommend([["a"]])
    assert text in str(caught.value)


def test_importing_the_rest_client_does_not_import_tensorflow() -> None:
    code = "import sys, serving.client.rest; print({'tensorflow', 'tensorflow_serving'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert run.stdout.strip() == "set()"
