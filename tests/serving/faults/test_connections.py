"""Clients that are slow, silent or gone do not keep others from their answers."""

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests

from serving.server.options import ServerOptions
from tests.serving.running import TIMEOUT, Stubs, serving
from tests.serving.toy import NAME

CONNECTIONS = 300
GRPC_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])  # with empty settings
BODY = json.dumps({"instances": [{"history_item_ids": ["a"], "k": 1}]}).encode()
HTTP_REQUEST = (
    f"POST /v1/models/{NAME}:predict HTTP/1.1\r\nHost: x\r\nContent-Length: {len(BODY)}\r\nConnection: close\r\n\r\n"
).encode() + BODY
ANSWER = {"predictions": [{"item_ids": ["a"], "scores": [7.0], "cold_start": False}]}


@pytest.fixture(scope="module")
def stubs(toy_base: Path) -> Iterator[Stubs]:
    """A server that is quick to give up on connections."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("KEEPALIVE_MS", "PING_TIMEOUT_MS", "HANDSHAKE_MS"):
            patch.setattr(f"serving.server.app.{name}", 1000)
        patch.setattr("serving.server.rest.server.IDLE_SECONDS", 1.0)
        patch.setattr("serving.server.rest.server.BODY_TIMEOUT_SECONDS", 1.0)
        with serving(toy_base, ServerOptions()) as running:
            yield running


def _connect(address: str) -> socket.socket:
    host, port = address.split(":")
    return socket.create_connection((host, int(port)), timeout=TIMEOUT)


def _is_answered(stubs: Stubs) -> None:
    assert stubs.answered_by() == 7
    answer = requests.post(f"http://{stubs.rest_address}/v1/models/{NAME}:predict", data=BODY, timeout=TIMEOUT)
    assert answer.json() == ANSWER


def _read_all(connection: socket.socket) -> bytes:
    """Until the server closes the connection; fails if it does not."""
    received = b""
    try:
        while part := connection.recv(65536):
            received += part
    except ConnectionResetError:
        pass
    return received


def test_others_are_answered_while_a_request_comes_byte_by_byte(toy_server: Stubs) -> None:
    with _connect(toy_server.rest_address) as slow:
        for position in range(len(HTTP_REQUEST)):
            slow.sendall(HTTP_REQUEST[position : position + 1])
            if position % 40 == 0:
                _is_answered(toy_server)
        assert json.loads(_read_all(slow).split(b"\r\n\r\n", 1)[1]) == ANSWER


def test_others_are_answered_beside_many_open_connections(toy_server: Stubs) -> None:
    beginnings = {
        toy_server.address: [b"", GRPC_PREFACE[:10], GRPC_PREFACE, b"\x00" * 50],
        toy_server.rest_address: [b"", HTTP_REQUEST[:10], HTTP_REQUEST[: -len(BODY)], HTTP_REQUEST[:-1]],
    }
    with ExitStack() as opened:
        for address, texts in beginnings.items():
            for number in range(CONNECTIONS):
                opened.enter_context(_connect(address)).sendall(texts[number % len(texts)])
        _is_answered(toy_server)
    _is_answered(toy_server)


@pytest.mark.parametrize("beginning", [b"", HTTP_REQUEST[:10], HTTP_REQUEST[:-1]])
def test_a_rest_connection_that_falls_silent_is_closed(stubs: Stubs, beginning: bytes) -> None:
    with _connect(stubs.rest_address) as silent:
        silent.sendall(beginning)
        assert b" 200 " not in _read_all(silent)
    _is_answered(stubs)


@pytest.mark.parametrize("beginning", [b"", GRPC_PREFACE[:10], GRPC_PREFACE])
def test_a_grpc_connection_that_falls_silent_is_closed(stubs: Stubs, beginning: bytes) -> None:
    with _connect(stubs.address) as silent:
        silent.sendall(beginning)
        _read_all(silent)
    _is_answered(stubs)


@pytest.mark.parametrize(
    "noise", [b"\x16\x03\x01" * 100, b"GET / HTTP/9.9\r\n\r\n", b"\r\n\r\n" * 9, bytes(range(256)) * 40]
)
def test_noise_on_a_port_ends_its_connection_alone(stubs: Stubs, noise: bytes) -> None:
    for address in (stubs.address, stubs.rest_address):
        with _connect(address) as noisy:
            noisy.sendall(noise)
            _read_all(noisy)
    _is_answered(stubs)
