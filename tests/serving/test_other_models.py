"""Models that are none of our exports are served as TF Serving serves them."""

import json
from collections.abc import Iterator
from typing import Any

import grpc
import numpy as np
import pytest
import requests
import tensorflow as tf
from tensorflow_serving.apis import get_model_metadata_pb2

from tests.serving.other import HALF_PLUS_TWO, save_other
from tests.serving.running import TIMEOUT, Stubs, serving
from tests.serving.toy import NAME, request


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stubs]:
    base = tmp_path_factory.mktemp("other")
    save_other(base)
    with serving(base) as stubs:
        yield stubs


def post(stubs: Stubs, body: Any) -> Any:
    answer = requests.post(
        f"http://{stubs.rest_address}/v1/models/{NAME}:predict", data=json.dumps(body), timeout=TIMEOUT
    )
    return answer.json()


def predict(stubs: Stubs, signature: str, **inputs: object) -> dict[str, Any]:
    message = request(**inputs)
    message.model_spec.signature_name = signature
    outputs = stubs.predictions.Predict(message, timeout=TIMEOUT).outputs
    return {name: tf.make_ndarray(tensor).tolist() for name, tensor in outputs.items()}


def test_tf_servings_quickstart(server: Stubs) -> None:
    assert post(server, {"instances": [1.0, 2.0, 5]}) == {"predictions": [2.5, 3.0, 4.5]}
    assert post(server, {"instances": [[1.0], [2.0]]}) == {"predictions": [[2.5], [3.0]]}
    assert post(server, {"inputs": 2}) == {"outputs": 3.0}


@pytest.mark.parametrize("shape", [(), (3,), (2, 2), (1, 2, 3), (0,), (0, 4)])
def test_shapes_are_tensorflows_to_judge(server: Stubs, shape: tuple[int, ...]) -> None:
    x = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    assert predict(server, HALF_PLUS_TWO, x=x)["y"] == (x / 2 + 2).tolist()


def test_an_input_called_k_is_the_models_own(server: Stubs) -> None:
    assert predict(server, "text_k", k=["abc"]) == {"upper": [b"ABC"]}
    assert predict(server, "number_k", k=[5000.0])["same"] == [5000.0]
    assert post(server, {"signature_name": "text_k", "instances": ["abc"]}) == {"predictions": ["ABC"]}


def test_more_rows_and_longer_rows_than_our_own_may_have(server: Stubs) -> None:
    assert len(predict(server, HALF_PLUS_TWO, x=np.zeros([1001, 1], np.float32))["y"]) == 1001
    assert len(predict(server, HALF_PLUS_TWO, x=np.zeros([1, 10_001], np.float32))["y"][0]) == 10_001


@pytest.mark.parametrize(
    ("sent", "answered"),
    [
        (2**24, float(2**24)),
        (2**24 + 1, float(2**24)),
        (2**31, float(2**31)),
        (10**38, float(np.float32(1e38))),
        (-(2**63), -float(2**63)),
        (3.4028235e38, float(np.finfo(np.float32).max)),
    ],
)
def test_whole_numbers_of_any_size_are_floats(server: Stubs, sent: float, answered: float) -> None:
    found = post(server, {"signature_name": "number_k", "inputs": {"k": [sent]}})["outputs"]["same"]
    assert np.float32(found[0]) == np.float32(answered)
    assert post(server, {"signature_name": "double", "inputs": [sent]}) == {"outputs": [float(sent)]}


def test_rows_of_strings_are_not_filled_up(server: Stubs) -> None:
    body = {"signature_name": "number_k", "inputs": {"t": [["a"], ["b", "c"]]}}
    assert "must be of one length" in post(server, body)["error"]


@pytest.mark.parametrize("text", ["/w==", "/w", "/w=", "/ w = =\n"])
def test_base64_needs_no_padding(server: Stubs, text: str) -> None:
    body = {"signature_name": "text_k", "inputs": {"k": [{"b64": text}, {"b64": "YQ"}]}}
    assert "not UTF-8" in post(server, body)["error"]  # the bytes ff came as far as the answer
    assert post(server, {"signature_name": "text_k", "inputs": [{"b64": "YWI"}]}) == {"outputs": ["AB"]}


def test_a_signature_that_cannot_be_served_is_left_out_and_the_model_is_not(server: Stubs) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        predict(server, "sparse", x=[1.0])
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert caught.value.details().startswith('Signature "sparse" cannot be served: "x" is a sparse tensor')
    message = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    message.model_spec.name = NAME
    signatures = get_model_metadata_pb2.SignatureDefMap()
    server.predictions.GetModelMetadata(message, timeout=TIMEOUT).metadata["signature_def"].Unpack(signatures)
    assert {"sparse", "text_k", HALF_PLUS_TWO} <= set(signatures.signature_def)


def test_a_graph_that_refuses_a_shape_says_so(server: Stubs) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        predict(server, HALF_PLUS_TWO, x=["a"])
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert 'Input "x" must be float32' in caught.value.details()
