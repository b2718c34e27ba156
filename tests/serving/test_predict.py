"""Predict and its refusals, with TF Serving's own stubs."""

import grpc
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorflow.core.framework import tensor_pb2
from tensorflow_serving.apis import classification_pb2, inference_pb2, predict_pb2, regression_pb2

from tests.serving.running import TIMEOUT, Stubs
from tests.serving.toy import CATALOGUE, NAME, TOO_LARGE, request


def answer(stubs: Stubs, message: predict_pb2.PredictRequest) -> dict[str, list]:
    outputs = stubs.predictions.Predict(message, timeout=TIMEOUT).outputs
    return {name: tf.make_ndarray(tensor).tolist() for name, tensor in outputs.items()}


def refusal(stubs: Stubs, message: predict_pb2.PredictRequest) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.RpcError) as caught:
        stubs.predictions.Predict(message, timeout=TIMEOUT)
    return caught.value.code(), caught.value.details()


def test_missing_inputs_take_the_signatures_defaults(toy_server: Stubs) -> None:
    outputs = answer(toy_server, request([["a", "b"]]))
    assert outputs["item_ids"] == [[b"a", b"b", b"c"]]
    assert outputs["cold_start"] == [False]
    assert outputs["scores"] == [pytest.approx([7.0, 6.9, 6.8])]


def test_every_input_reaches_the_graph(toy_server: Stubs) -> None:
    message = request(
        [["a", ""], ["zzz", "b"]], k=np.array([2, 4], np.int32), exclude_item_ids=[["c"]], filter_seen=[True, False]
    )
    outputs = answer(toy_server, message)
    assert outputs["item_ids"] == [[b"b", b"d", b"", b""], [b"a", b"b", b"d", "é".encode()]]
    assert outputs["scores"][0][2:] == [0.0, 0.0]


@pytest.mark.parametrize("width", [0, 1])
def test_an_empty_history_is_a_cold_start(toy_server: Stubs, width: int) -> None:
    message = request(np.full((2, width), b"", object))
    assert answer(toy_server, message)["cold_start"] == [True, True]


def test_the_response_names_model_version_and_signature(toy_server: Stubs) -> None:
    message = request([["a"]])
    message.model_spec.version.value = 7
    spec = toy_server.predictions.Predict(message, timeout=TIMEOUT).model_spec
    assert (spec.name, spec.version.value, spec.signature_name) == (NAME, 7, "serving_default")


def test_numbers_arrive_in_typed_fields_as_from_tf_serving(toy_server: Stubs) -> None:
    outputs = toy_server.predictions.Predict(request([["a"]]), timeout=TIMEOUT).outputs
    assert len(outputs["scores"].float_val) == 3
    assert not outputs["scores"].tensor_content


def test_output_filter_chooses_outputs(toy_server: Stubs) -> None:
    message = request([["a"]])
    message.output_filter.extend(["cold_start"])
    assert answer(toy_server, message) == {"cold_start": [False]}


def test_a_version_that_is_not_served_is_not_found(toy_server: Stubs) -> None:
    message = request([["a"]])
    message.model_spec.version.value = 6
    expected = "Servable not found for request: Specific(toy, 6)"
    assert refusal(toy_server, message) == (grpc.StatusCode.NOT_FOUND, expected)


def test_an_unknown_model_is_not_found(toy_server: Stubs) -> None:
    message = request([["a"]])
    message.model_spec.name = "x"
    expected = "Servable not found for request: Latest(x)"
    assert refusal(toy_server, message) == (grpc.StatusCode.NOT_FOUND, expected)


def test_model_spec_and_name_are_needed(toy_server: Stubs) -> None:
    invalid = grpc.StatusCode.INVALID_ARGUMENT
    assert refusal(toy_server, predict_pb2.PredictRequest()) == (invalid, "Missing ModelSpec")
    message = request([["a"]])
    message.model_spec.name = ""
    message.model_spec.signature_name = "serving_default"
    assert refusal(toy_server, message) == (invalid, "ModelSpec has no name specified.")


def test_version_labels_are_unknown(toy_server: Stubs) -> None:
    message = request([["a"]])
    message.model_spec.version_label = "stable"
    expected = "Unrecognized servable version label: stable"
    assert refusal(toy_server, message) == (grpc.StatusCode.INVALID_ARGUMENT, expected)


@pytest.mark.parametrize("name", ["x", "__saved_model_init_op"])
def test_a_missing_signature_fails_the_precondition(toy_server: Stubs, name: str) -> None:
    message = request([["a"]])
    message.model_spec.signature_name = name
    expected = f'Serving signature key "{name}" not found.'
    assert refusal(toy_server, message) == (grpc.StatusCode.FAILED_PRECONDITION, expected)


@pytest.mark.parametrize(
    ("outputs", "text"),
    [
        (["x"], "output tensor alias not found in signature: x Outputs expected to be in the set"),
        (["scores", "scores"], "duplicate output tensor alias: scores"),
    ],
)
def test_a_wrong_output_filter_is_invalid(toy_server: Stubs, outputs: list[str], text: str) -> None:
    message = request([["a"]])
    message.output_filter.extend(outputs)
    code, details = refusal(toy_server, message)
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert text in details


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (
            request(k=[1]),
            "input size does not match signature: 1!=4 len({k}) != "
            "len({exclude_item_ids,filter_seen,history_item_ids,k}). Sent extra: {}. "
            "Missing but required: {history_item_ids}.",
        ),
        (request([["a"]], k=[1], x=1, y=1, filter_seen=[True]), "Sent extra: {x,y}. Missing but required: {}."),
        (request([["a"]], x=1), "input tensor alias not found in signature: x. Inputs expected to be in the set {"),
        (request([["a"]], k=[1.5]), 'Input "k" must be int32 of shape [?], but float32 of shape [1] was received.'),
        (request([["a"]], k=2), 'Input "k" must be int32 of shape [?], but int32 of shape [] was received.'),
        (request(["a"]), 'Input "history_item_ids" must be string of shape [?, ?], but string of shape [1]'),
        (request([[1]]), 'Input "history_item_ids" must be string of shape [?, ?], but int32 of shape [1, 1]'),
        (request([["a"]], k=[6]), TOO_LARGE),
        (request(np.empty((0, 3), object)), 'Input "history_item_ids" has no rows. Send one row at least.'),
        (request([["a"]], k=np.empty(0, np.int32)), 'Input "k" has no rows. Send one row at least.'),
    ],
)
def test_inputs_that_do_not_fit_are_invalid(toy_server: Stubs, message: predict_pb2.PredictRequest, text: str) -> None:
    code, details = refusal(toy_server, message)
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert text in details
    assert "{{node" not in details


@settings(max_examples=60)
@given(
    dtype=st.sampled_from([0, 1, 3, 7, 7, 7, 10, 20, 21, 107, 999]),
    dims=st.lists(st.sampled_from([-1, 0, 1, 2, 3, 2**40]), max_size=3),
    unknown_rank=st.booleans(),
    texts=st.lists(st.binary(max_size=4), max_size=4),
    numbers=st.lists(st.integers(-5, 5), max_size=2),
    content=st.binary(max_size=8),
)
def test_no_tensor_breaks_the_server(
    toy_server: Stubs,
    dtype: int,
    dims: list[int],
    unknown_rank: bool,
    texts: list[bytes],
    numbers: list[int],
    content: bytes,
) -> None:
    """Whatever arrives is answered, or refused as INVALID_ARGUMENT with a text."""
    tensor = tensor_pb2.TensorProto(dtype=dtype, string_val=texts, int_val=numbers, tensor_content=content)
    tensor.tensor_shape.unknown_rank = unknown_rank
    for size in dims:
        tensor.tensor_shape.dim.add(size=size)
    message = request()
    message.inputs["history_item_ids"].CopyFrom(tensor)
    try:
        toy_server.predictions.Predict(message, timeout=TIMEOUT)
    except grpc.RpcError as error:
        assert error.code() is grpc.StatusCode.INVALID_ARGUMENT, error.details()
        assert "history_item_ids" in error.details()


@settings(max_examples=25)
@given(
    histories=st.lists(
        st.lists(st.sampled_from(["", "x", *CATALOGUE]), min_size=2, max_size=2), min_size=1, max_size=3
    ),
    k=st.integers(1, 5),
)
def test_seen_items_never_come_back(toy_server: Stubs, histories: list[list[str]], k: int) -> None:
    outputs = answer(toy_server, request(histories, k=np.array([k], np.int32), filter_seen=[True]))
    for history, row in zip(histories, outputs["item_ids"], strict=True):
        expected = [item for item in CATALOGUE if item not in history][:k]
        assert [item.decode() for item in row if item] == expected


@pytest.mark.parametrize(
    ("method", "message"),
    [
        ("Classify", classification_pb2.ClassificationRequest()),
        ("Regress", regression_pb2.RegressionRequest()),
        ("MultiInference", inference_pb2.MultiInferenceRequest()),
    ],
)
def test_the_other_methods_are_unimplemented(toy_server: Stubs, method: str, message: object) -> None:
    with pytest.raises(grpc.RpcError, match="Use Predict") as caught:
        getattr(toy_server.predictions, method)(message, timeout=TIMEOUT)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
