"""A server process that is killed leaves nothing behind that keeps the next from starting."""

import resource
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from tensorflow_serving.apis import prediction_service_pb2_grpc

from serving.server_process import ServerProcess, free_port
from tests.serving.running import TIMEOUT, until
from tests.serving.toy import NAME, request, slow_request

FEW_FILES = 1024


@pytest.fixture
def few_files() -> Iterator[None]:
    """What a shell usually allows."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (FEW_FILES, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_killed_with_a_request_in_flight_it_starts_again_on_the_same_ports(
    own_base: Path, tmp_path: Path, few_files: None
) -> None:
    server = ServerProcess(own_base, NAME, free_port(), free_port(), tmp_path / "server.log")
    server.start()
    try:
        with grpc.insecure_channel(server.address) as channel:
            stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
            running = stub.Predict.future(slow_request(60.0), timeout=TIMEOUT)
            assert stub.Predict(request([["a"]]), timeout=TIMEOUT).model_spec.version.value == 1
            server.kill()
            with pytest.raises(grpc.RpcError) as caught:
                running.result()
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
            server.start()
            soft, hard = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)
            assert soft == hard > FEW_FILES, "idle connections can use up its files"
            answer = stub.Predict(request([["a"]]), timeout=TIMEOUT, wait_for_ready=True)
            assert answer.model_spec.version.value == 1
    finally:
        assert server.terminate() == 0
    until(lambda: not server.is_running)
