"""The REST API: the same answers as over gRPC, in TF Serving's forms."""

import base64
import gzip
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.server.app import start_server
from serving.server.errors import ServerStartError
from serving.server.options import ServerOptions
from serving.server_process import free_port
from tests.serving.running import TIMEOUT, Stubs, serving, until
from tests.serving.test_predict import answer
from tests.serving.toy import CATALOGUE, NAME, TOO_LARGE, request


def url(stubs: Stubs, rest: str = ":predict", name: str = NAME) -> str:
    return f"http://{stubs.rest_address}/v1/models/{name}{rest}"


def post(stubs: Stubs, body: Any, rest: str = ":predict", name: str = NAME) -> requests.Response:
    data = body if isinstance(body, (str, bytes)) else json.dumps(body)
    return requests.post(url(stubs, rest, name), data=data, timeout=TIMEOUT)


def refusal(response: requests.Response) -> tuple[int, str]:
    assert response.headers["Content-Type"] == "application/json"
    assert set(response.json()) == {"error"}
    return response.status_code, response.json()["error"]


def test_rows_of_any_length_get_the_answers_of_grpc(toy_server: Stubs) -> None:
    rows = [["a", "b", "é"], [], ["zzz"]]
    instances = [
        {"history_item_ids": row, "k": k, "exclude_item_ids": ["c"], "filter_seen": True}
        for row, k in zip(rows, [5, 2, 3], strict=True)
    ]
    predictions = post(toy_server, {"instances": instances}).json()["predictions"]
    padded = [["a", "b", "é"], [""] * 3, ["zzz", "", ""]]
    message = request(padded, k=np.array([5, 2, 3], np.int32), exclude_item_ids=[["c"]] * 3, filter_seen=[True] * 3)
    expected = answer(toy_server, message)
    assert [[item.encode() for item in row["item_ids"]] for row in predictions] == expected["item_ids"]
    assert [np.float32(row["scores"]).tolist() for row in predictions] == expected["scores"]
    assert [row["cold_start"] for row in predictions] == expected["cold_start"] == [False, True, True]


@settings(max_examples=25)
@given(
    histories=st.lists(st.lists(st.sampled_from(["x", *CATALOGUE]), max_size=4), min_size=1, max_size=4),
    k=st.integers(1, 5),
    filter_seen=st.booleans(),
)
def test_ids_are_those_of_grpc(toy_server: Stubs, histories: list[list[str]], k: int, filter_seen: bool) -> None:
    width = max(1, *map(len, histories))
    padded = [[*row, *[""] * (width - len(row))] for row in histories]
    message = request(padded, k=np.array([k], np.int32), filter_seen=[filter_seen])
    expected = [[item.decode() for item in row] for row in answer(toy_server, message)["item_ids"]]
    rows = [{"history_item_ids": row, "k": k, "filter_seen": filter_seen} for row in histories]
    assert [row["item_ids"] for row in post(toy_server, {"instances": rows}).json()["predictions"]] == expected
    columns = {"history_item_ids": histories, "k": [k], "filter_seen": [filter_seen]}
    assert post(toy_server, {"inputs": columns}).json()["outputs"]["item_ids"] == expected


def test_missing_inputs_take_the_signatures_defaults(toy_server: Stubs) -> None:
    body = {"signature_name": "serving_default", "instances": [{"history_item_ids": ["a"]}]}
    assert post(toy_server, body).json() == {
        "predictions": [{"cold_start": False, "item_ids": ["a", "b", "c"], "scores": [7.0, 6.9, 6.8]}]
    }


def test_bytes_may_be_sent_as_base64(toy_server: Stubs) -> None:
    history = [{"b64": base64.b64encode("é".encode()).decode()}]
    body = {"instances": [{"history_item_ids": history, "filter_seen": True, "k": 5}]}
    (row,) = post(toy_server, body).json()["predictions"]
    assert row["item_ids"] == ["a", "b", "c", "d", "f"]


def test_a_single_input_and_output_need_no_name(toy_server: Stubs) -> None:
    assert post(toy_server, {"signature_name": "slow", "inputs": 0.0}).json()["outputs"] == 0
    assert post(toy_server, {"signature_name": "echo", "inputs": ["a", "b"]}).json() == {"outputs": ["a", "b"]}
    assert post(toy_server, {"signature_name": "echo", "instances": ["a"]}).json() == {"predictions": ["a"]}
    b64 = [{"b64": "/w=="}, {"b64": ""}]
    assert post(toy_server, {"signature_name": "echo_bytes", "instances": b64}).json() == {"predictions": b64}


@pytest.mark.parametrize("where", ["", "/versions/7"])
def test_status_and_metadata_have_tf_servings_form(toy_server: Stubs, where: str) -> None:
    status = requests.get(url(toy_server, where), timeout=TIMEOUT).json()
    available = {"version": "7", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
    assert status == {"model_version_status": [available]}
    metadata = requests.get(url(toy_server, f"{where}/metadata"), timeout=TIMEOUT).json()
    assert metadata["model_spec"] == {"name": NAME, "signature_name": "", "version": "7"}
    signatures = metadata["metadata"]["signature_def"]["signature_def"]
    history = signatures["serving_default"]["inputs"]["history_item_ids"]
    assert history["dtype"] == "DT_STRING"
    assert [dim["size"] for dim in history["tensor_shape"]["dim"]] == ["-1", "-1"]
    body = {"instances": [{"history_item_ids": ["a"]}]}
    assert post(toy_server, body, f"{where}:predict").status_code == 200


ROW = {"history_item_ids": ["a"]}


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("", "JSON Parse error"),
        ("{", "JSON Parse error"),
        (b"\xff\xfe\xfa", "JSON Parse error"),
        ("[" * 100_000, "nested too deep"),
        ('{"instances": [1], "instances": [2]}', "repeats one of its keys"),
        ([], "must be a JSON object"),
        ({}, "one of 'inputs' or 'instances'"),
        ({"instances": [ROW], "inputs": ROW}, "one of 'inputs' or 'instances'"),
        ({"instances": [ROW], "signature": "x"}, "Unknown keys ['signature']"),
        ({"instances": [ROW], "signature_name": 1}, "must be a string"),
        ({"instances": [ROW], "signature_name": "x"}, 'Serving signature name: "x" not found'),
        ({"instances": []}, "at least one element"),
        ({"instances": "a"}, "at least one element"),
        ({"instances": [ROW, ["a"]]}, "must be objects or none"),
        ({"instances": [["a"]]}, "name each in an object"),
        ({"inputs": [["a"]]}, "name each in an object"),
        ({"instances": [ROW, {**ROW, "k": 1}]}, "Failed to process element: 1"),
        ({"instances": [{**ROW, "x": 1}]}, 'There is no input "x"'),
        ({"instances": [{"k": 1}]}, "Missing but required: {history_item_ids}"),
        ({"instances": [{**ROW, "k": 1.5}]}, 'Input "k": 1.5 is no int32'),
        ({"instances": [{**ROW, "k": True}]}, 'Input "k": true is no int32'),
        ({"instances": [{**ROW, "k": 2**31}]}, 'Input "k": 2147483648 is no int32'),
        ({"instances": [{**ROW, "k": None}]}, 'Input "k": null is no int32'),
        ({"instances": [{**ROW, "filter_seen": 1}]}, 'Input "filter_seen": 1 is no bool'),
        ({"instances": [{"history_item_ids": [1]}]}, "1 is no string"),
        ({"instances": [{"history_item_ids": [{"b64": "?"}]}]}, "is not base64"),
        ({"instances": [{"history_item_ids": ["\ud800"]}]}, "surrogate"),
        ({"instances": [{"history_item_ids": "a"}]}, "of shape [1] was received"),
        ({"instances": [ROW, {"history_item_ids": "a"}]}, "nested alike"),
        ({"instances": [{"history_item_ids": [["a"], ["b", "c"]]}]}, "must be of one length"),
        ({"inputs": {"history_item_ids": [["a"]], "k": [[1], [2, 3]]}}, "must be of one length"),
        ({"inputs": {"history_item_ids": [[["a"]]]}}, "of shape [1, 1, 1] was received"),
        (json.dumps({"inputs": {"history_item_ids": "DEEP"}}).replace('"DEEP"', "[" * 50 + "]" * 50), "16 deep"),
        ({"signature_name": "slow", "inputs": 1e39}, "1e+39 is no float32"),
        ({"signature_name": "slow", "inputs": 10**39}, "00 is no float32"),
        ({"signature_name": "slow", "inputs": 10**400}, "... is no float32"),
        ({"signature_name": "slow", "inputs": True}, "true is no float32"),
        ({"signature_name": "slow", "instances": [0.0, 0.0]}, "must be a scalar"),
        ({"inputs": {"history_item_ids": []}}, "of shape [0] was received"),
        ({"signature_name": "echo", "inputs": {"b64": "/w=="}}, "not UTF-8 text"),
        ({"instances": [{**ROW, "k": 6}]}, TOO_LARGE),
    ],
)
def test_what_does_not_fit_is_refused_with_a_sentence(toy_server: Stubs, body: Any, text: str) -> None:
    status, message = refusal(post(toy_server, body))
    assert status == 400
    assert text in message


@pytest.mark.parametrize(
    ("method", "path", "status", "text"),
    [
        ("POST", "models/x:predict", 404, "Servable not found for request: Latest(x)"),
        ("POST", "models/toy/versions/6:predict", 404, "Servable not found for request: Specific(toy, 6)"),
        ("POST", "models/toy/versions/9999999999999999999:predict", 400, "Failed to convert version"),
        ("POST", "models/toy/labels/stable:predict", 400, "Unrecognized servable version label: stable"),
        ("POST", "models/toy:classify", 501, "classify is not offered"),
        ("POST", "models/toy/versions/7:regress", 501, "regress is not offered"),
        ("GET", "models/x", 404, "Could not find any versions of model x"),
        ("GET", "models/toy/versions/8", 404, "Could not find version 8 of model toy"),
        ("GET", "models/x/metadata", 404, "Servable not found"),
        ("GET", "models/toy:predict", 400, "Malformed request: GET /v1/models/toy:predict"),
        ("POST", "models/toy", 400, "Malformed request: POST /v1/models/toy"),
        ("DELETE", "models/toy", 400, "Malformed request: DELETE"),
        ("POST", "models/toy:explain", 400, "Malformed request"),
        ("GET", "models", 400, "Malformed request"),
        ("GET", "../x", 404, "Not found: /x"),
    ],
)
def test_refusals_have_tf_servings_status(toy_server: Stubs, method: str, path: str, status: int, text: str) -> None:
    body = json.dumps({"instances": [ROW]})
    target = f"http://{toy_server.rest_address}/v1/{path}"
    code, message = refusal(requests.request(method, target, data=body, timeout=TIMEOUT))
    assert code == status
    assert text in message


def chunks(size: int) -> Iterator[bytes]:
    for _ in range(size // 1000):
        yield b" " * 1000


@pytest.mark.parametrize("body", [b" " * 300_000, chunks(300_000)], ids=["whole", "chunked"])
def test_a_body_over_the_limit_is_too_large(toy_base: Path, body: Any) -> None:
    with serving(toy_base, ServerOptions(max_message_bytes=200_000)) as stubs:
        status, message = refusal(requests.post(url(stubs), data=body, timeout=TIMEOUT))
    assert (status, message) == (413, "The body is larger than 200000 bytes. Send fewer rows at once.")


def test_a_slow_answer_times_out(toy_base: Path) -> None:
    with serving(toy_base, ServerOptions(rest_timeout_seconds=0.1)) as stubs:
        status, message = refusal(post(stubs, {"signature_name": "slow", "inputs": 1.0}))
    assert status == 504
    assert message in ("The server did not answer within 0.1 s", "The deadline passed before there was an answer.")


def test_stopping_waits_for_the_request_that_runs(own_server: Stubs) -> None:
    answers: list[requests.Response] = []
    body = {"signature_name": "slow", "inputs": 1.0}
    thread = threading.Thread(target=lambda: answers.append(post(own_server, body)))
    thread.start()
    until(lambda: own_server.users() == 1)
    own_server.server.stop(grace_seconds=TIMEOUT)
    thread.join(TIMEOUT)
    assert answers[0].json()["outputs"] > 0
    with pytest.raises(requests.ConnectionError):
        post(own_server, body)


def test_stopping_gives_up_on_a_request_that_takes_too_long(own_server: Stubs) -> None:
    def ask() -> None:
        with pytest.raises(requests.ConnectionError):
            post(own_server, {"signature_name": "slow", "inputs": 3.0})

    thread = threading.Thread(target=ask)
    thread.start()
    until(lambda: own_server.users() == 1)
    started = time.monotonic()
    own_server.server.stop(grace_seconds=0.2)
    assert time.monotonic() - started < 2.5
    thread.join(TIMEOUT)


def test_clients_that_leave_break_nothing(own_server: Stubs) -> None:
    for _ in range(20):
        with pytest.raises(requests.Timeout):
            requests.post(url(own_server), json={"signature_name": "slow", "inputs": 0.05}, timeout=0.01)
    until(lambda: own_server.users() == 0)
    assert post(own_server, {"instances": [ROW]}).status_code == 200


def test_a_taken_port_is_refused_and_frees_the_other(toy_server: Stubs, toy_base: Path) -> None:
    grpc_port = free_port()
    with pytest.raises(ServerStartError, match=r"for REST .*choose another port"):
        start_server({NAME: toy_base}, f"127.0.0.1:{grpc_port}", ServerOptions(rest_address=toy_server.rest_address))
    server = start_server({NAME: toy_base}, f"127.0.0.1:{grpc_port}")
    assert server.rest is None
    server.stop(0)


def zipped(stubs: Stubs, body: bytes, encoding: str = "gzip") -> requests.Response:
    return requests.post(url(stubs), data=body, headers={"Content-Encoding": encoding}, timeout=TIMEOUT)


def test_a_gzipped_body_is_read(toy_server: Stubs) -> None:
    body = json.dumps({"instances": [ROW]}).encode()
    plain = requests.post(url(toy_server), data=body, timeout=TIMEOUT)
    for encoding in ("gzip", "GZIP", "x-gzip"):
        assert zipped(toy_server, gzip.compress(body), encoding).json() == plain.json()
    assert zipped(toy_server, body, "identity").json() == plain.json()


@pytest.mark.parametrize(
    ("body", "encoding", "status", "text"),
    [
        (b"{}", "gzip", 400, "The body is no gzip"),
        (gzip.compress(b"{}" * 99)[:-9], "gzip", 400, "cut off"),
        (gzip.compress(b"{}") + b"more", "gzip", 400, "goes on after its end"),
        (gzip.compress(b" " * 20_000_000), "gzip", 413, "larger than 200000 bytes when unpacked"),
        (b"{}", "br", 400, "only gzip is read"),
    ],
)
def test_a_body_that_cannot_be_unpacked_is_refused(
    toy_base: Path, body: bytes, encoding: str, status: int, text: str
) -> None:
    with serving(toy_base, ServerOptions(max_message_bytes=200_000)) as stubs:
        code, message = refusal(zipped(stubs, body, encoding))
    assert code == status
    assert text in message


def test_pages_of_other_sites_may_ask_if_allowed(toy_base: Path, toy_server: Stubs) -> None:
    origin = {"Origin": "https://shop.example"}
    with serving(toy_base, ServerOptions(rest_cors=True)) as stubs:
        asked = requests.options(url(stubs), headers=origin, timeout=TIMEOUT)
        answers = [asked, post(stubs, {"instances": [ROW]}), post(stubs, {})]
        assert [answer.status_code for answer in answers] == [204, 200, 400]
        assert {answer.headers["Access-Control-Allow-Origin"] for answer in answers} == {"*"}
        assert "POST" in asked.headers["Access-Control-Allow-Methods"]
        assert requests.options(url(stubs), timeout=TIMEOUT).status_code == 400
    refused = requests.options(url(toy_server), headers=origin, timeout=TIMEOUT)
    assert refused.status_code == 400
    assert "Access-Control-Allow-Origin" not in refused.headers
