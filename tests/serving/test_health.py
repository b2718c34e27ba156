"""The health service and reflection, with their own stubs."""

import threading
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from google.protobuf import descriptor_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from serving.server.app import start_server
from tests.serving.running import TIMEOUT, Stubs, serving, until
from tests.serving.toy import NAME, save_toy, slow_request

SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING


def check(address: str, service: str = "") -> int:
    with grpc.insecure_channel(address) as channel:
        request = health_pb2.HealthCheckRequest(service=service)
        return health_pb2_grpc.HealthStub(channel).Check(request, timeout=TIMEOUT).status


@pytest.mark.parametrize("service", ["", NAME])
def test_a_loaded_model_is_serving(toy_server: Stubs, service: str) -> None:
    assert check(toy_server.address, service) == SERVING


def test_an_unknown_service_is_not_found(toy_server: Stubs) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        check(toy_server.address, "x")
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


def test_nothing_is_serving_until_a_version_has_loaded(tmp_path: Path, frequent_polls: None) -> None:
    with serving(tmp_path) as stubs:
        assert [check(stubs.address, service) for service in ("", NAME)] == [NOT_SERVING] * 2
        save_toy(tmp_path, 1)
        until(lambda: check(stubs.address) == SERVING)
        assert check(stubs.address, NAME) == SERVING


def test_the_whole_serves_once_every_model_does(toy_base: Path, tmp_path: Path) -> None:
    server = start_server({"full": toy_base, "empty": tmp_path}, "127.0.0.1:0")
    address = f"127.0.0.1:{server.port}"
    try:
        assert [check(address, service) for service in ("full", "empty", "")] == [SERVING, NOT_SERVING, NOT_SERVING]
    finally:
        server.stop(0)


def test_while_draining_health_says_no_and_requests_are_answered(
    own_server: Stubs, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits, enough = [], threading.Event()
    monkeypatch.setattr("serving.server.app.sleep", lambda seconds: waits.append(seconds) or enough.wait(TIMEOUT))
    with grpc.insecure_channel(own_server.address) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        watch = stub.Watch(health_pb2.HealthCheckRequest(service=NAME), timeout=TIMEOUT)
        assert next(watch).status == SERVING
        stopping = threading.Thread(target=own_server.server.stop, args=(5.0, 30.0))
        stopping.start()
        assert next(watch).status == NOT_SERVING
        assert stub.Check(health_pb2.HealthCheckRequest(), timeout=TIMEOUT).status == NOT_SERVING
        assert own_server.answered_by() == 1
        watch.cancel()
        enough.set()
        stopping.join(TIMEOUT)
    assert waits == [30.0]
    with pytest.raises(grpc.RpcError):
        own_server.answered_by()


def test_a_probe_does_not_wait_behind_requests(own_server: Stubs) -> None:
    calls = [own_server.predictions.Predict.future(slow_request(1.0), timeout=TIMEOUT) for _ in range(40)]
    until(lambda: own_server.users() > 1)
    assert check(own_server.address) == SERVING
    assert not all(call.done() for call in calls)
    for call in calls:
        call.cancel()


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
def test_reflection_lists_and_describes_the_services(toy_server: Stubs, version: str) -> None:
    asked = [
        reflection_pb2.ServerReflectionRequest(list_services=""),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol="tensorflow.serving.PredictionService"),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol=f"grpc.reflection.{version}.ServerReflection"),
    ]
    with grpc.insecure_channel(toy_server.address) as channel:
        ask = channel.stream_stream(
            f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
            reflection_pb2.ServerReflectionRequest.SerializeToString,
            reflection_pb2.ServerReflectionResponse.FromString,
        )
        listed, file, own = ask(iter(asked), timeout=TIMEOUT)
    assert {service.name for service in listed.list_services_response.service} == {
        "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
        "grpc.reflection.v1alpha.ServerReflection",
        "tensorflow.serving.ModelService",
        "tensorflow.serving.PredictionService",
    }
    assert b"MultiInference" in file.file_descriptor_response.file_descriptor_proto[0]
    (described,) = own.file_descriptor_response.file_descriptor_proto
    assert descriptor_pb2.FileDescriptorProto.FromString(described).package == f"grpc.reflection.{version}"


def test_streams_that_are_left_open_shut_nobody_out(toy_server: Stubs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serving.server.receiving.STREAMS", 10)
    done = threading.Event()

    def stay_silent() -> Iterator[reflection_pb2.ServerReflectionRequest]:
        yield reflection_pb2.ServerReflectionRequest(list_services="")
        done.wait(TIMEOUT)

    with serving(toy_server.base) as stubs, grpc.insecure_channel(stubs.address) as channel:
        reflect = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo
        watch = health_pb2_grpc.HealthStub(channel).Watch
        streams = []
        for _ in range(10):
            streams += [reflect(stay_silent(), timeout=TIMEOUT), watch(health_pb2.HealthCheckRequest())]
            assert next(streams[-2]).HasField("list_services_response")
            assert next(streams[-1]).status == SERVING
        with pytest.raises(grpc.RpcError) as caught:
            next(streams[0])
        assert caught.value.code() is grpc.StatusCode.CANCELLED, "the oldest makes room"
        assert streams[-1].is_active() and check(stubs.address) == SERVING
        assert stubs.answered_by() == 7
        for stream in streams:
            stream.cancel()
        done.set()
