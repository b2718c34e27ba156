"""Where a server listens."""

import socket
from pathlib import Path

import grpc
import pytest
import requests
from tensorflow_serving.apis import prediction_service_pb2_grpc

from serving.server.addresses import is_loopback, joined, parted
from serving.server.app import RunningServer, start_server
from serving.server.options import ServerOptions
from serving.server.rest.server import listen
from tests.serving.running import TIMEOUT
from tests.serving.toy import NAME, request


def _has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


@pytest.mark.parametrize(
    ("host", "text"),
    [("127.0.0.1", "127.0.0.1:80"), ("::1", "[::1]:80"), ("::", "[::]:80"), ("localhost", "localhost:80")],
)
def test_addresses_are_joined_and_parted(host: str, text: str) -> None:
    assert joined(host, 80) == text
    assert parted(text) == (host, 80)


@pytest.mark.parametrize(
    ("host", "is_own"),
    [("127.0.0.1", True), ("127.1.2.3", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False)],
)
def test_loopback(host: str, is_own: bool) -> None:
    assert is_loopback(host) == is_own


def _answers(server: RunningServer, host: str) -> None:
    assert server.rest
    url = f"http://{joined(host, server.rest.port)}/v1/models/{NAME}"
    assert requests.get(url, timeout=TIMEOUT).status_code == 200
    _answers_grpc(joined(host, server.port))


def _answers_grpc(address: str) -> None:
    with grpc.insecure_channel(address) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        assert stub.Predict(request([["a"]]), timeout=TIMEOUT).model_spec.version.value == 7


@pytest.mark.parametrize(
    ("host", "asked"),
    [("127.0.0.1", ["127.0.0.1"]), ("0.0.0.0", ["127.0.0.1"]), ("::1", ["::1"]), ("::", ["::1", "127.0.0.1"])],
)
def test_both_protocols_listen_where_they_were_told(toy_base: Path, host: str, asked: list[str]) -> None:
    if ":" in host and not _has_ipv6():
        pytest.skip("this machine has no IPv6")
    server = start_server({NAME: toy_base}, joined(host, 0), ServerOptions(rest_address=joined(host, 0)))
    for address in asked:
        _answers(server, address)
    server.stop(0)


def test_loopback_is_not_reached_by_another_address_of_this_machine(toy_base: Path) -> None:
    server = start_server({NAME: toy_base}, "127.0.0.1:0")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", server.port), timeout=TIMEOUT)
    server.stop(0)


def test_rest_alone_reads_ipv6(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, str | None]] = []
    monkeypatch.setattr("serving.server.rest.server.bind_sockets", lambda port, host: asked.append((port, host)))
    for address in ("[::1]:8501", "[::]:8501", "127.0.0.1:8501"):
        listen(address)
    assert asked == [(8501, "::1"), (8501, None), (8501, "127.0.0.1")]


def test_a_unix_socket_beside_the_port(toy_base: Path, tmp_path: Path) -> None:
    server = start_server({NAME: toy_base}, "127.0.0.1:0", ServerOptions(socket_path=tmp_path / "grpc.sock"))
    _answers_grpc(f"unix:{tmp_path / 'grpc.sock'}")
    server.stop(0)
