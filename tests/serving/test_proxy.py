"""No proxy of the environment is asked for a server on this machine."""

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import grpc
import pytest
import requests

from dimerec_tf.export.servable import ServingTask
from serving.check.check import check_exports
from serving.client.access import OPEN
from serving.client.client import RecommendClient
from serving.client.loopback import is_loopback
from serving.client.rest import RestRecommendClient
from serving.loadtest.load import run_load
from serving.loadtest.requests import predict_requests
from serving.rollout.metrics import MetricsWatch
from serving.rollout.server import ModelServer
from serving.server.monitoring import DEFAULT_PATH
from tests.serving.proxy import proxy_in_environment
from tests.serving.running import TIMEOUT, Stubs
from tests.serving.toy import NAME


@pytest.fixture
def asked() -> Iterator[list[str]]:
    with proxy_in_environment() as asked:
        yield asked


def test_without_the_package_the_proxy_is_asked_for_localhost(toy_server: Stubs, asked: list[str]) -> None:
    """What the tests below are about."""
    with grpc.insecure_channel(toy_server.address) as channel, pytest.raises(grpc.FutureTimeoutError):
        grpc.channel_ready_future(channel).result(1)
    assert f"CONNECT {toy_server.address} HTTP/1.1" in asked
    url = f"http://{toy_server.rest_address}/v1/models/{NAME}"
    assert requests.get(url, timeout=TIMEOUT).status_code == 502
    assert asked[-1] == f"GET {url} HTTP/1.1"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_the_clients_reach_localhost_directly(export_server: Stubs, asked: list[str], host: str) -> None:
    address = export_server.address.replace("127.0.0.1", host)
    rest = export_server.rest_address.replace("127.0.0.1", host)
    with OPEN.channel(f"dns:///{address}") as channel:
        grpc.channel_ready_future(channel).result(TIMEOUT)
    for client in (RecommendClient(address, NAME), RestRecommendClient(rest, NAME)):
        with closing(client):
            assert len(client.recommend([["item-1"]], 3)[0].item_ids) == 3
    load = run_load(address, predict_requests(NAME, [["item-1"]], 3), concurrency=1, seconds=0.1)
    assert load.latencies_ms and not load.failures
    with closing(ModelServer(address, NAME)) as server:
        assert server.labelled("none") is None
    with closing(MetricsWatch([f"http://{rest}{DEFAULT_PATH}"], NAME)) as watch:
        assert watch.update().errors == 0
    assert asked == []


def test_the_serving_check_reaches_its_own_server(export_base: Path, tmp_path: Path, asked: list[str]) -> None:
    task = ServingTask.model_validate(
        {
            "exports": {"dimerec": str(export_base / "1")},
            "histories": [["item-1"]],
            "k": 2,
            "limits": {"seconds": 0.5, "max_p99_ms": 60_000},
            "log": str(tmp_path / "serve.log"),
        }
    )
    (finding,) = check_exports(task).findings.values()
    assert finding.reasons == () and finding.answers > 0
    assert asked == []


def test_servers_elsewhere_are_asked_through_the_proxy(asked: list[str]) -> None:
    with OPEN.channel("recommender.example:8500") as channel, pytest.raises(grpc.FutureTimeoutError):
        grpc.channel_ready_future(channel).result(1)
    assert asked[0] == "CONNECT recommender.example:8500 HTTP/1.1"
    with OPEN.session() as session:
        assert session.get("http://recommender.example/v1", timeout=TIMEOUT).status_code == 502
    assert asked[-1] == "GET http://recommender.example/v1 HTTP/1.1"


@pytest.mark.parametrize("main", ["dimerec_tf/cli/main.py", "serving/check/__main__.py", "tfx_pipeline/container.py"])
def test_processes_whose_libraries_connect_to_themselves_say_so_in_the_environment(main: str) -> None:
    assert "    reach_this_machine_directly()\n" in Path(main).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "address",
    [
        *(
            "localhost",
            "LOCALHOST:8500",
            "localhost.:80",
            "api.localhost:80",
            "127.0.0.1:8500",
            "127.8.9.1",
            "[::1]:8500",
        ),
        *("::1", "0.0.0.0:8500", "[::]:8500", "[::ffff:127.0.0.1]:8500", "dns:///localhost:8500", "dns:localhost:8500"),
        *("ipv4:127.0.0.1:8500", "ipv6:[::1]:8500", "ipv6:%5B::1%5D:8500", "http://localhost:8501/v1/models"),
        *("https://user:pass@[::1]:8501/v1", "http://127.0.0.1"),
    ],
)
def test_addresses_of_this_machine(address: str) -> None:
    assert is_loopback(address)


@pytest.mark.parametrize(
    "address",
    [
        *("recommender.example:8500", "10.0.0.1:8500", "[2001:db8::1]:8500", "localhost.example:80", "notlocalhost"),
        *(
            "http://recommender.example/localhost",
            "http://localhost@recommender.example/",
            "dns://127.0.0.1/far.example:80",
        ),
        *("", "ipv4:10.0.0.1:80"),
    ],
)
def test_addresses_of_other_machines(address: str) -> None:
    assert not is_loopback(address)


def test_no_module_makes_a_connection_past_these() -> None:
    past = re.compile(r"grpc\.(aio\.)?(in)?secure_channel|requests\.(Session\(\)|get\(|post\()|http\.client\.HTTP")
    files = [file for package in ("dimerec_tf", "serving", "tfx_pipeline") for file in Path(package).rglob("*.py")]
    assert [str(file) for file in files if past.search(file.read_text(encoding="utf-8"))] == [
        "serving/client/access.py"
    ]
