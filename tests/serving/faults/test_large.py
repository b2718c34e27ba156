"""Requests that would cost far more than they send, while others ask on."""

import gc
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import psutil
import pytest
import requests

from serving.loadtest.load import PREDICT
from serving.server.batching_options import BatchingOptions
from serving.server.options import ServerOptions
from tests.serving.faults.test_callers import check_others_ask_on, p99
from tests.serving.running import TIMEOUT, Stubs, serving, until
from tests.serving.test_rest import refusal, url
from tests.serving.test_wire import DIMENSIONS, NAMES, STRINGS
from tests.serving.toy import request

BODY = {
    "padding": json.dumps(
        {"instances": [{"history_item_ids": ["a"]}] * 999 + [{"history_item_ids": ["a"] * 10_000}]}
    ).encode(),
    "brackets": b'{"inputs": [' + b"[]," * 19_000_000 + b"[]]}",
    "ids": b'{"inputs": [[' + b'"item-123456",' * 3_600_000 + b'"a"]]}',
    "values": b'{"inputs": [' + b"[]," * 1_300_000 + b"[]]}",
}
TEXT = {
    "padding": (400, "would have to be filled up with"),
    "brackets": (413, "The body is larger than 4194304 bytes"),
    "ids": (413, "The body is larger than 4194304 bytes"),
    "values": (400, "A body may hold 262144 values"),
}
MESSAGE = {
    "dimensions": (DIMENSIONS, "may hold 10000 tensorflow.TensorShapeProto.Dim"),
    "names": (NAMES, "may hold 1000 tensorflow.serving.PredictRequest.InputsEntry"),
    "strings": (STRINGS, "may hold 1048576 values"),
}


def memory() -> int:
    gc.collect()
    return psutil.Process().memory_info().rss


def while_others_ask(stubs: Stubs, attack: Callable[[], Any]) -> Callable[[], float]:
    """p99 of good calls while the attack is repeated, by a process's worth of a thread, until they are done."""

    def during() -> float:
        done = threading.Event()

        def attack_on() -> None:
            while not done.is_set():
                attack()
                done.wait(0.5)

        thread = threading.Thread(target=attack_on)
        thread.start()
        try:
            return p99(stubs)
        finally:
            done.set()
            thread.join(2 * TIMEOUT)

    return during


@pytest.mark.parametrize("kind", BODY)
def test_a_body_that_costs_too_much_is_refused(toy_server: Stubs, kind: str) -> None:
    def attack() -> None:
        answer = requests.post(url(toy_server), data=BODY[kind], timeout=2 * TIMEOUT)
        status, message = refusal(answer)
        assert status == TEXT[kind][0] and TEXT[kind][1] in message and len(message) <= 600

    attack()
    before = memory()
    check_others_ask_on(toy_server, while_others_ask(toy_server, attack))
    until(lambda: memory() < 1.2 * before)


@pytest.mark.parametrize("kind", MESSAGE)
def test_a_message_that_costs_too_much_is_refused(toy_server: Stubs, kind: str) -> None:
    data, text = MESSAGE[kind]
    with grpc.insecure_channel(toy_server.address) as channel:
        call = channel.unary_unary(PREDICT)

        def attack() -> None:
            with pytest.raises(grpc.RpcError) as caught:
                call(data, timeout=TIMEOUT)
            assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
            assert text in caught.value.details() and len(caught.value.details()) < 300

        attack()
        before = memory()
        check_others_ask_on(toy_server, while_others_ask(toy_server, attack))
        until(lambda: memory() < 1.2 * before)


@pytest.mark.parametrize("letter", ["x", "é", "\U0001f600"])
def test_errors_about_long_names_are_short(toy_server: Stubs, letter: str) -> None:
    name = letter * 100_000
    unknown, label, signature, output, inputs = (request([["a"]]) for _ in range(5))
    unknown.model_spec.name = name
    label.model_spec.version_label = name
    signature.model_spec.signature_name = name
    output.output_filter.append(name)
    inputs.inputs[name].CopyFrom(inputs.inputs["history_item_ids"])
    expected = {
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.FAILED_PRECONDITION,
    }
    for message in (unknown, label, signature, output, inputs):
        with pytest.raises(grpc.RpcError) as caught:
            toy_server.predictions.Predict(message, timeout=TIMEOUT)
        assert caught.value.code() in expected
        assert len(caught.value.details()) <= 600
    path = f"http://{toy_server.rest_address}/v1/models/{'x' * 20_000}"
    status, text = refusal(requests.get(path, timeout=TIMEOUT))
    assert status == 404 and len(text) <= 600


def test_a_tensor_has_as_many_dimensions_as_numpy_knows(toy_server: Stubs) -> None:
    message = request([["a"]])
    for _ in range(300):
        message.inputs["history_item_ids"].tensor_shape.dim.add(size=1)
    with pytest.raises(grpc.RpcError) as caught:
        toy_server.predictions.Predict(message, timeout=TIMEOUT)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "32 dimensions" in caught.value.details()


def test_metadata_is_bounded(toy_server: Stubs) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        toy_server.predictions.Predict(request([["a"]]), timeout=TIMEOUT, metadata=[("x", "y" * 100_000)])
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert toy_server.answered_by() == 7


def test_a_batch_is_not_filled_up_without_end(toy_base: Path) -> None:
    options = BatchingOptions(1000, 200_000, 10, 1, pad_variable_length_inputs=True)
    with serving(toy_base, ServerOptions(batching=options)) as stubs:
        messages = [request([["a"]] * 200), request([["a"] * 10_000])]
        calls = [stubs.predictions.Predict.future(message, timeout=TIMEOUT) for message in messages]
        assert [len(call.result().outputs["cold_start"].bool_val) for call in calls] == [200, 1]


def test_bodies_of_all_connections_together_are_bounded(toy_base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serving.server.rest.json_handler.HELD_BODIES", 0)
    with serving(toy_base) as stubs:
        large = json.dumps({"instances": [{"history_item_ids": ["a" * 100]}] * 1000}).encode()
        status, message = refusal(requests.post(url(stubs), data=large, timeout=TIMEOUT))
        assert status == 429 and "Try again after a pause" in message
        small = {"instances": [{"history_item_ids": ["a"]}]}
        assert requests.post(url(stubs), json=small, timeout=TIMEOUT).status_code == 200


def test_messages_held_at_the_gate_are_bounded(toy_base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serving.server.app.HELD_MESSAGES", 0)
    with serving(toy_base) as stubs:
        with pytest.raises(grpc.RpcError, match="are held already") as caught:
            stubs.predictions.Predict(request([["a" * 100] * 1000]), timeout=TIMEOUT)
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert stubs.answered_by() == 7
