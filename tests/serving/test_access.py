"""Every client of this package gets through to a server that asks for TLS, a client's certificate and a token."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest
import trustme
from google.protobuf import text_format
from typer.testing import CliRunner

from dimerec_tf.cli.main import app
from dimerec_tf.errors import DimeRecError
from serving.client.access import OPEN, Access
from serving.client.client import RecommendClient, RecommendError
from serving.client.rest import RestRecommendClient
from serving.rollout.errors import RolloutError
from serving.rollout.metrics import MetricsWatch
from serving.rollout.server import ModelServer
from serving.server.bearer_token import BearerToken
from serving.server.monitoring import DEFAULT_PATH
from serving.server.options import ServerOptions
from serving.server.proto.ssl_config_pb2 import SSLConfig
from serving.server.tls import read_tls
from tests.serving.running import TIMEOUT, Stubs, serving
from tests.serving.toy import NAME


@pytest.fixture(scope="module")
def access(tmp_path_factory: pytest.TempPathFactory) -> Access:
    folder, authority = tmp_path_factory.mktemp("access"), trustme.CA()
    own = authority.issue_cert("client")
    shown = {
        "ca": authority.cert_pem.bytes(),
        "certificate": own.cert_chain_pems[0].bytes(),
        "key": own.private_key_pem.bytes(),
        "token": b"a-long-secret\n",
    }
    for name, content in shown.items():
        (folder / name).write_bytes(content)
    certificate = authority.issue_cert("localhost")
    config = SSLConfig(
        server_key=certificate.private_key_pem.bytes().decode(),
        server_cert=certificate.cert_chain_pems[0].bytes().decode(),
        custom_ca=shown["ca"].decode(),
        client_verify=True,
    )
    (folder / "server").write_text(text_format.MessageToString(config))
    return Access(True, *(folder / name for name in shown))


@pytest.fixture(scope="module")
def server(toy_base: Path, access: Access) -> Iterator[Stubs]:
    assert access.ca_file
    tls = read_tls(access.ca_file.parent / "server")
    with serving(toy_base, ServerOptions(tls=tls, token=BearerToken("a-long-secret"))) as stubs:
        yield stubs


def grpc_address(stubs: Stubs) -> str:
    return f"localhost:{stubs.server.port}"


def rest_address(stubs: Stubs) -> str:
    assert stubs.server.rest
    return f"localhost:{stubs.server.rest.port}"


def options(access: Access) -> list[str]:
    shown = {
        "--ca-file": access.ca_file,
        "--certificate-file": access.certificate_file,
        "--key-file": access.key_file,
        "--token-file": access.token_file,
    }
    return ["--tls", *(str(part) for pair in shown.items() for part in pair)]


def test_both_clients_are_answered(server: Stubs, access: Access) -> None:
    with (
        RecommendClient(grpc_address(server), NAME, TIMEOUT, access=access) as over_grpc,
        RestRecommendClient(rest_address(server), NAME, TIMEOUT, access=access) as over_rest,
        RestRecommendClient(f"https://{rest_address(server)}/", NAME, TIMEOUT, access=access) as by_url,
    ):
        answers = [client.recommend([["a"]], k=2) for client in (over_grpc, over_rest, by_url)]
    assert len(answers[0][0].item_ids) == 2
    assert [answer[0].item_ids for answer in answers] == [answers[0][0].item_ids] * 3


@pytest.mark.parametrize(
    ("missing", "code"),
    [
        ({"token_file": None}, grpc.StatusCode.UNAUTHENTICATED),
        ({"certificate_file": None, "key_file": None}, grpc.StatusCode.UNAVAILABLE),
        ({"ca_file": None}, grpc.StatusCode.UNAVAILABLE),
        ({"tls": False, "ca_file": None, "certificate_file": None, "key_file": None}, grpc.StatusCode.UNAVAILABLE),
    ],
)
def test_what_is_missing_is_said(server: Stubs, access: Access, missing: dict[str, Any], code: grpc.StatusCode) -> None:
    part = replace(access, **missing)
    with (
        RecommendClient(grpc_address(server), NAME, 2, access=part) as over_grpc,
        RestRecommendClient(rest_address(server), NAME, 2, access=part) as over_rest,
    ):
        for client in (over_grpc, over_rest):
            with pytest.raises(RecommendError) as caught:
                client.recommend([["a"]], k=2)
            assert caught.value.code is code
            assert ("token" if code is grpc.StatusCode.UNAUTHENTICATED else "TLS") in str(caught.value)


def test_a_rollout_reaches_the_server_and_its_metrics(server: Stubs, access: Access) -> None:
    metrics = f"https://{rest_address(server)}{DEFAULT_PATH}"
    closed = ModelServer(grpc_address(server), NAME, TIMEOUT, access=replace(access, token_file=None))
    model = ModelServer(grpc_address(server), NAME, TIMEOUT, access=access)
    watch = MetricsWatch([metrics], NAME, access=access)
    before = watch.update().requests
    with RecommendClient(grpc_address(server), NAME, TIMEOUT, access=access) as client:
        client.recommend([["a"]], k=2)
    assert watch.update().requests == before + 1
    assert model.state(7).name == "AVAILABLE"
    with pytest.raises(RolloutError, match="UNAUTHENTICATED"):
        closed.state(7)
    for each in (closed, model, watch):
        each.close()


def test_a_load_test_reaches_the_server(server: Stubs, access: Access, tmp_path: Path) -> None:
    histories = tmp_path / "histories.txt"
    histories.write_text("a,b\n")
    command = ["loadtest", "--server", grpc_address(server), "--model-name", NAME, "--histories", str(histories)]
    command += ["--k", "2", "--seconds", "0.2", "--concurrency", "1", "--output", str(tmp_path / "rows.json")]
    assert CliRunner().invoke(app, [*command, *options(access)]).exit_code == 0
    (row,) = json.loads((tmp_path / "rows.json").read_text())
    assert row["qps"] > 0 and row["failures"] == {}


@pytest.mark.parametrize("rest", [False, True])
def test_the_command_line_has_options_for_it(server: Stubs, access: Access, rest: bool) -> None:
    protocol = ["--rest", "--server", rest_address(server)] if rest else ["--server", grpc_address(server)]
    command = ["recommend", "--user-history", "a", "--k", "2", "--model-name", NAME, "--json", *protocol]
    result = CliRunner().invoke(app, [*command, *options(access)])
    assert result.exit_code == 0 and '"item_id"' in result.output, result.output


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"tls": False}, "switch it on"),
        ({"key_file": None}, "belong together"),
        ({"ca_file": Path("nowhere.pem")}, "nowhere.pem cannot be read: No such file"),
        ({"token_file": Path("nowhere.txt")}, "nowhere.txt cannot be read"),
    ],
)
def test_access_that_cannot_work_is_refused(access: Access, changed: dict[str, Any], reason: str) -> None:
    with pytest.raises(DimeRecError, match=reason):
        replace(access, **changed)


@pytest.mark.parametrize("content", [b"", b"two words", "tokén".encode()])
def test_a_token_is_one_word(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "token"
    path.write_bytes(content)
    with pytest.raises(DimeRecError, match="must hold one token"):
        Access(token_file=path)


def test_an_open_server_is_called_in_the_clear() -> None:
    assert OPEN.url("localhost:8501") == "http://localhost:8501"
    assert OPEN.session().headers.get("Authorization") is None
