"""Wrong requests over gRPC: each gets its status, and the server goes on answering."""

from collections import Counter
from pathlib import Path

import grpc
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, Phase, given, settings
from tensorflow_serving.apis import predict_pb2

from serving.oracle import Oracle
from serving.soak.malformed_grpc import Malformed, malformed
from tests.serving.running import TIMEOUT, Stubs
from tests.serving.toy import MAX_K, request

PREDICT = "/tensorflow.serving.PredictionService/Predict"
GOOD = request(
    [["a", ""], ["b", "c"], ["", ""], ["é", "f"]],
    k=[2, 1, 3, 5],
    exclude_item_ids=[["b"], ["a"], [""], ["c"]],
    filter_seen=[True, False, True, False],
)
FAULTS = 19
INVALID_ARGUMENT = grpc.StatusCode.INVALID_ARGUMENT


@pytest.fixture(scope="module")
def oracle(toy_base: Path) -> Oracle:
    return Oracle(toy_base / "7")


def _answer_all(stubs: Stubs, oracle: Oracle, examples: int) -> None:
    seen: Counter[str] = Counter()
    with grpc.insecure_channel(stubs.address) as channel:
        call = channel.unary_unary(PREDICT)  # without a serializer: bytes go out as they are

        @settings(
            max_examples=examples,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(malformed(GOOD, MAX_K))
        def send(wrong: Malformed) -> None:
            seen[wrong.fault] += 1
            try:
                answer = call(wrong.message, timeout=TIMEOUT)
            except grpc.RpcError as error:
                assert error.code() in wrong.codes, f"{wrong.fault}: {error.code()} {error.details()}"
                assert error.details(), "no reason was given"
                return
            assert wrong.may_be_right, f"{wrong.fault} was answered"
            asked = predict_pb2.PredictRequest.FromString(wrong.message)
            assert oracle.agrees(asked, predict_pb2.PredictResponse.FromString(answer))

        send()
    assert len(seen) == FAULTS, f"these alone were tried: {seen}"
    assert oracle.agrees(GOOD, stubs.predictions.Predict(GOOD, timeout=TIMEOUT))


def test_malformed_requests_are_refused(toy_server: Stubs, oracle: Oracle) -> None:
    _answer_all(toy_server, oracle, examples=400)


@pytest.mark.slow
def test_ten_thousand_malformed_requests_are_refused(toy_server: Stubs, oracle: Oracle) -> None:
    _answer_all(toy_server, oracle, examples=10_000)


@pytest.mark.parametrize(
    ("method", "message", "code", "reason"),
    [
        (PREDICT, GOOD.SerializeToString() + b"\x0c more", INVALID_ARGUMENT, "no tensorflow.serving.PredictRequest"),
        ("/tensorflow.serving.ModelService/GetModelStatus", b"\xff", INVALID_ARGUMENT, "GetModelStatusRequest"),
        ("/tensorflow.serving.PredictionService/None", b"", grpc.StatusCode.UNIMPLEMENTED, "not found"),
    ],
)
def test_bytes_and_methods_that_mean_nothing(
    toy_server: Stubs, method: str, message: bytes, code: grpc.StatusCode, reason: str
) -> None:
    with grpc.insecure_channel(toy_server.address) as channel, pytest.raises(grpc.RpcError) as caught:
        channel.unary_unary(method)(message, timeout=TIMEOUT)
    assert caught.value.code() is code
    assert reason in caught.value.details()


@pytest.mark.parametrize("values", [[], [b"a"]])
def test_a_few_bytes_cannot_ask_for_much_memory(toy_server: Stubs, values: list[bytes]) -> None:
    message = request()
    history = message.inputs["history_item_ids"]
    history.CopyFrom(tf.make_tensor_proto([["a"]]))
    history.string_val[:] = values
    history.tensor_shape.dim[0].size, history.tensor_shape.dim[1].size = 1000, 65
    assert len(toy_server.predictions.Predict(message, timeout=TIMEOUT).outputs["cold_start"].bool_val) == 1000
    history.tensor_shape.dim[1].size = 66
    with pytest.raises(grpc.RpcError, match="must hold all its values") as caught:
        toy_server.predictions.Predict(message, timeout=TIMEOUT)
    assert caught.value.code() is INVALID_ARGUMENT
