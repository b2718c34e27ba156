"""TLS, client certificates, the bearer token and limits."""

from collections.abc import Iterator
from pathlib import Path

import grpc
import numpy as np
import pytest
import requests
import trustme
from google.protobuf import text_format
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tensorflow_serving.apis import model_service_pb2_grpc, prediction_service_pb2_grpc
from tensorflow_serving.apis.model_management_pb2 import ReloadConfigRequest

from serving.server.bearer_token import BearerToken, read_token
from serving.server.errors import ServerStartError
from serving.server.limits import Limits
from serving.server.monitoring import DEFAULT_PATH
from serving.server.options import ServerOptions
from serving.server.proto.ssl_config_pb2 import SSLConfig
from serving.server.tls import read_tls
from tests.serving.running import TIMEOUT, Stubs, serving
from tests.serving.test_rest import refusal
from tests.serving.toy import NAME, request

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


@pytest.fixture(scope="module")
def root(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The authority's certificate as a file."""
    path = tmp_path_factory.mktemp("root") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


def ask(address: str, credentials: grpc.ChannelCredentials) -> int:
    with grpc.secure_channel(address, credentials) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        return stub.Predict(request([["a"]]), timeout=TIMEOUT, wait_for_ready=False).model_spec.version.value


def test_tls_answers_whoever_trusts_the_certificate_and_nobody_in_the_clear(
    toy_base: Path, tmp_path: Path, authority: trustme.CA, config: SSLConfig
) -> None:
    with serving(toy_base, ServerOptions(tls=read_tls(write(config, tmp_path)))) as stubs:
        address = f"localhost:{stubs.server.port}"
        assert ask(address, grpc.ssl_channel_credentials(authority.cert_pem.bytes())) == 7
        with pytest.raises(grpc.RpcError) as caught:
            ask(address, grpc.ssl_channel_credentials(trustme.CA().cert_pem.bytes()))
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        with pytest.raises(grpc.RpcError):
            stubs.answered_by()


def test_rest_is_behind_the_same_tls(toy_base: Path, tmp_path: Path, root: str, config: SSLConfig) -> None:
    with serving(toy_base, ServerOptions(tls=read_tls(write(config, tmp_path)))) as stubs:
        assert stubs.server.rest
        place = f"localhost:{stubs.server.rest.port}"
        url = f"https://{place}/v1/models/{NAME}"
        assert requests.get(url, timeout=TIMEOUT, verify=root).status_code == 200
        with pytest.raises(requests.exceptions.SSLError):
            requests.get(url, timeout=TIMEOUT)
        with pytest.raises(requests.ConnectionError):
            requests.get(f"http://{place}/v1/models/{NAME}", timeout=TIMEOUT)


def test_client_verify_asks_for_a_certificate_of_the_authority(
    toy_base: Path, tmp_path: Path, authority: trustme.CA, config: SSLConfig
) -> None:
    mutual = SSLConfig(client_verify=True)
    mutual.MergeFrom(config)
    root = authority.cert_pem.bytes()

    def client(signer: trustme.CA) -> grpc.ChannelCredentials:
        own = signer.issue_cert("client")
        return grpc.ssl_channel_credentials(root, own.private_key_pem.bytes(), own.cert_chain_pems[0].bytes())

    with serving(toy_base, ServerOptions(tls=read_tls(write(mutual, tmp_path)))) as stubs:
        address = f"localhost:{stubs.server.port}"
        assert ask(address, client(authority)) == 7
        for refused in (grpc.ssl_channel_credentials(root), client(trustme.CA())):
            with pytest.raises(grpc.RpcError) as caught:
                ask(address, refused)
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


def test_client_verify_holds_for_rest(
    toy_base: Path, tmp_path: Path, authority: trustme.CA, root: str, config: SSLConfig
) -> None:
    mutual = SSLConfig(client_verify=True)
    mutual.MergeFrom(config)

    def certificate(signer: trustme.CA, name: str) -> str:
        signer.issue_cert("client").private_key_and_cert_chain_pem.write_to_path(str(tmp_path / name))
        return str(tmp_path / name)

    with serving(toy_base, ServerOptions(tls=read_tls(write(mutual, tmp_path)))) as stubs:
        assert stubs.server.rest
        url = f"https://localhost:{stubs.server.rest.port}/v1/models/{NAME}"
        own = certificate(authority, "own.pem")
        assert requests.get(url, timeout=TIMEOUT, verify=root, cert=own).status_code == 200
        for refused in (None, certificate(trustme.CA(), "other.pem")):
            with pytest.raises(requests.ConnectionError):
                requests.get(url, timeout=TIMEOUT, verify=root, cert=refused)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"server_key": ""}, "must hold server_key and server_cert"),
        ({"server_cert": "text"}, "cannot be used"),
        ({"server_key": trustme.CA().private_key_pem.bytes().decode()}, "the key must be the certificate's"),
        ({"custom_ca": "text"}, "cannot be used"),
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
        read_tls(write(broken, tmp_path))


@pytest.fixture(scope="module")
def guarded(toy_base: Path) -> Iterator[Stubs]:
    options = ServerOptions(token=BearerToken(SECRET), limits=Limits(history=4, k=4, rows=5), max_message_bytes=10_000)
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


@pytest.mark.parametrize("header", [None, "Bearer x", f"Basic {SECRET}"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"/v1/models/{NAME}"),
        ("GET", f"/v1/models/{NAME}/metadata"),
        ("POST", f"/v1/models/{NAME}:predict"),
        ("POST", f"/v1/models/{NAME}:classify"),
        ("GET", DEFAULT_PATH),
        ("GET", "/nothing"),
    ],
)
def test_without_the_token_rest_answers_nothing(guarded: Stubs, method: str, path: str, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    url = f"http://{guarded.rest_address}{path}"
    response = requests.request(method, url, headers=headers, data=b" " * 1_000_000, timeout=TIMEOUT)
    status, message = refusal(response)
    assert status == 401
    assert "asks for a token" in message
    assert response.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
def test_with_the_token_requests_are_answered(guarded: Stubs, scheme: str) -> None:
    header = f"{scheme} {SECRET}"
    answer = guarded.predictions.Predict(request([["a"]]), timeout=TIMEOUT, metadata=[("authorization", header)])
    assert answer.model_spec.version.value == 7
    over_rest = requests.post(
        f"http://{guarded.rest_address}/v1/models/{NAME}:predict",
        json={"instances": [{"history_item_ids": ["a"]}]},
        headers={"Authorization": header},
        timeout=TIMEOUT,
    )
    assert over_rest.status_code == 200


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
            {"history_item_ids": [["a"]], "exclude_item_ids": [["a"] * 5]},
            grpc.StatusCode.INVALID_ARGUMENT,
            'Input "exclude_item_ids" may have 4 ids in a row',
        ),
        (
            {"history_item_ids": [["a"]] * 6},
            grpc.StatusCode.INVALID_ARGUMENT,
            'Input "history_item_ids" may have 5 rows on this server, got 6. Send fewer at once.',
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


@pytest.mark.parametrize(
    ("row", "status", "text"),
    [
        ({"history_item_ids": ["a"] * 5}, 400, "may have 4 ids in a row"),
        ({"history_item_ids": ["a"], "k": 5}, 400, "k may be 4 at the most on this server, got 5."),
        ({"history_item_ids": ["a" * 10_000]}, 413, "larger than 10000 bytes"),
    ],
)
def test_the_limits_hold_for_rest(guarded: Stubs, row: dict, status: int, text: str) -> None:
    url, headers = f"http://{guarded.rest_address}/v1/models/{NAME}:predict", {"Authorization": f"Bearer {SECRET}"}
    code, message = refusal(requests.post(url, json={"instances": [row]}, headers=headers, timeout=TIMEOUT))
    assert code == status
    assert text in message


def test_a_request_at_the_limits_is_answered(guarded: Stubs) -> None:
    message = request([["a"] * 4] * 5, k=np.array([4], np.int32))
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
