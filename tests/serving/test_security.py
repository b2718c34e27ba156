"""TLS, client certificates, the bearer token and limits."""

from collections.abc import Iterator
from pathlib import Path

import grpc
import numpy as np
import pytest
import trustme
from google.protobuf import text_format
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tensorflow_serving.apis import model_service_pb2_grpc, prediction_service_pb2_grpc
from tensorflow_serving.apis.model_management_pb2 import ReloadConfigRequest

from serving.server.bearer_token import BearerToken, read_token
from serving.server.errors import ServerStartError
from serving.server.limits import Limits
from serving.server.options import ServerOptions
from serving.server.proto.ssl_config_pb2 import SSLConfig
from serving.server.tls import read_credentials
from tests.serving.running import TIMEOUT, Stubs, serving
from tests.serving.toy import request

SECRET = "a-long-secret"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def config(authority: trustme.CA) -> SSLConfig:
    certificate = authority.issue_cert("localhost")
    return SSLConfig(
        server_key=certificate.private_key_pem.bytes().decode(),
        server_cert=certificate.cert_chain_pems[0].bytes().decode(),
        custom_ca=authority.cert_pem.bytes().decode(),
    )


def write(config: SSLConfig, folder: Path) -> Path:
    path = folder / "ssl.config"
    path.write_text(text_format.MessageToString(config))
    return path


def ask(address: str, credentials: grpc.ChannelCredentials) -> int:
    with grpc.secure_channel(address, credentials) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        return stub.Predict(request([["a"]]), timeout=TIMEOUT, wait_for_ready=False).model_spec.version.value


def test_tls_answers_whoever_trusts_the_certificate_and_nobody_in_the_clear(
    toy_base: Path, tmp_path: Path, authority: trustme.CA, config: SSLConfig
) -> None:
    with serving(toy_base, ServerOptions(credentials=read_credentials(write(config, tmp_path)))) as stubs:
        address = f"localhost:{stubs.server.port}"
        assert ask(address, grpc.ssl_channel_credentials(authority.cert_pem.bytes())) == 7
        with pytest.raises(grpc.RpcError) as caught:
            ask(address, grpc.ssl_channel_credentials(trustme.CA().cert_pem.bytes()))
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        with pytest.raises(grpc.RpcError):
            stubs.answered_by()


def test_client_verify_asks_for_a_certificate_of_the_authority(
    toy_base: Path, tmp_path: Path, authority: trustme.CA, config: SSLConfig
) -> None:
    mutual = SSLConfig(client_verify=True)
    mutual.MergeFrom(config)
    root = authority.cert_pem.bytes()

    def client(signer: trustme.CA) -> grpc.ChannelCredentials:
        own = signer.issue_cert("client")
        return grpc.ssl_channel_credentials(root, own.private_key_pem.bytes(), own.cert_chain_pems[0].bytes())

    with serving(toy_base, ServerOptions(credentials=read_credentials(write(mutual, tmp_path)))) as stubs:
        address = f"localhost:{stubs.server.port}"
        assert ask(address, client(authority)) == 7
        for refused in (grpc.ssl_channel_credentials(root), client(trustme.CA())):
            with pytest.raises(grpc.RpcError) as caught:
                ask(address, refused)
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"server_key": ""}, "must hold server_key and server_cert"),
        ({"server_cert": "text"}, "cannot be used"),
        ({"custom_ca": "", "client_verify": True}, "no custom_ca"),
    ],
)
def test_an_ssl_config_that_cannot_work_is_refused(
    tmp_path: Path, config: SSLConfig, change: dict, reason: str
) -> None:
    broken = SSLConfig()
    broken.CopyFrom(config)
    for name, value in change.items():
        setattr(broken, name, value)
    with pytest.raises(ServerStartError, match=reason):
        read_credentials(write(broken, tmp_path))


@pytest.fixture(scope="module")
def guarded(toy_base: Path) -> Iterator[Stubs]:
    options = ServerOptions(token=BearerToken(SECRET), limits=Limits(history=4, k=4), max_message_bytes=10_000)
    with serving(toy_base, options) as stubs:
        yield stubs


@pytest.mark.parametrize("header", [None, "", SECRET, "Bearer ", "Bearer x", f"Basic {SECRET}", f"Bearer {SECRET}x"])
def test_without_the_token_nothing_is_answered(guarded: Stubs, header: str | None) -> None:
    metadata = None if header is None else [("authorization", header)]
    with grpc.insecure_channel(guarded.address) as channel:
        models = model_service_pb2_grpc.ModelServiceStub(channel)
        for call, message in (
            (guarded.predictions.Predict, request([["a"]])),
            (models.HandleReloadConfigRequest, ReloadConfigRequest()),
        ):
            with pytest.raises(grpc.RpcError, match="asks for a token") as caught:
                call(message, timeout=TIMEOUT, metadata=metadata)
            assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED


@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
def test_with_the_token_requests_are_answered(guarded: Stubs, scheme: str) -> None:
    metadata = [("authorization", f"{scheme} {SECRET}")]
    answer = guarded.predictions.Predict(request([["a"]]), timeout=TIMEOUT, metadata=metadata)
    assert answer.model_spec.version.value == 7


def test_health_is_open(guarded: Stubs) -> None:
    with grpc.insecure_channel(guarded.address) as channel:
        answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=TIMEOUT)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING


@pytest.mark.parametrize(
    ("inputs", "code", "text"),
    [
        (
            {"history_item_ids": [["a"] * 5]},
            grpc.StatusCode.INVALID_ARGUMENT,
            'Input "history_item_ids" may have 4 ids in a row on this server, got 5. Send the most recent.',
        ),
        (
            {"history_item_ids": [["a"]], "k": np.array([5], np.int32)},
            grpc.StatusCode.INVALID_ARGUMENT,
            "k may be 4 at the most on this server, got 5.",
        ),
        ({"history_item_ids": [["a" * 10_000]]}, grpc.StatusCode.RESOURCE_EXHAUSTED, "larger than max"),
    ],
)
def test_more_than_the_limits_is_refused(guarded: Stubs, inputs: dict, code: grpc.StatusCode, text: str) -> None:
    metadata = [("authorization", f"Bearer {SECRET}")]
    with pytest.raises(grpc.RpcError) as caught:
        guarded.predictions.Predict(request(**inputs), timeout=TIMEOUT, metadata=metadata)
    assert caught.value.code() is code
    assert text in caught.value.details()


def test_a_request_at_the_limits_is_answered(guarded: Stubs) -> None:
    message = request([["a"] * 4], k=np.array([4], np.int32))
    metadata = [("authorization", f"Bearer {SECRET}")]
    assert guarded.predictions.Predict(message, timeout=TIMEOUT, metadata=metadata).model_spec.version.value == 7


def test_the_token_file_is_read_without_its_line_end(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text(f"{SECRET}\n")
    assert read_token(path).accepts(f"Bearer {SECRET}")


@pytest.mark.parametrize("text", ["", " \n", "two words", "é"])
def test_a_file_without_a_token_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "token"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ServerStartError, match="token"):
        read_token(path)
