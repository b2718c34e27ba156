"""What is joined, and that joined answers are those of requests that run alone."""

from collections.abc import Iterator
from concurrent import futures
from pathlib import Path

import grpc
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorflow_serving.apis import predict_pb2

from serving.server.batching_options import BatchingOptions, read_batching_options
from serving.server.errors import ServerStartError
from serving.server.joining import fill_defaults, join, joining_key, narrowed, split
from serving.server.options import ServerOptions
from tests.serving.running import TIMEOUT, Stubs, serving
from tests.serving.toy import CATALOGUE, request, slow_request


def strings(rows: list[list[str]]) -> np.ndarray:
    return np.array([[item.encode() for item in row] for row in rows], object)


HISTORY = strings([["a", "b"]])


@pytest.mark.parametrize("pad", [False, True])
def test_rows_with_numbers_of_their_own_are_joined_and_other_types_and_shapes_are_not(pad: bool) -> None:
    three = joining_key({"h": HISTORY, "k": np.array([3])}, pad)
    assert three == joining_key({"h": strings([["c", "d"]] * 2), "k": np.array([3, 5])}, pad)
    assert three == joining_key({"h": HISTORY, "k": np.array([5])}, pad)
    assert three != joining_key({"h": HISTORY, "k": np.array([3.0])}, pad)
    assert three != joining_key({"h": HISTORY, "k": np.array([[3]])}, pad)


def test_an_exports_answer_is_as_wide_as_its_own_k() -> None:
    outputs = {"item_ids": np.ones((2, 5)), "scores": np.ones((2, 5)), "cold_start": np.ones(2)}
    own = narrowed(outputs, {"history_item_ids": HISTORY, "k": np.array([2, 3])})
    assert {name: array.shape for name, array in own.items()} == {
        "item_ids": (2, 3),
        "scores": (2, 3),
        "cold_start": (2,),
    }
    assert narrowed(outputs, {"k": np.array([2, 3])}) is outputs


def test_widths_differ_only_with_padding() -> None:
    keys = [[joining_key({"h": strings([row])}, pad) for row in (["a"], ["a", "b"])] for pad in (False, True)]
    assert keys[0][0] != keys[0][1]
    assert keys[1][0] == keys[1][1]


@pytest.mark.parametrize(
    "arrays",
    [
        {"h": strings([["a"], ["b"]]), "k": np.array([3])},
        {"h": HISTORY, "k": np.array(3)},
        {"h": np.empty([0, 2], object)},
    ],
)
def test_what_cannot_be_joined_runs_alone(arrays: dict[str, np.ndarray]) -> None:
    assert joining_key(arrays, True) is None


def test_defaults_of_one_row_count_for_every_row_and_what_was_sent_stays() -> None:
    defaults = {"k": np.array([10]), "exclude": strings([[""]]), "scalar": np.array(1), "sent": np.array([2])}
    arrays = {**defaults, "h": strings([["a"], ["b"]]), "sent": np.array([2])}
    filled = fill_defaults(arrays, defaults)
    assert filled["k"].tolist() == [10, 10] and filled["exclude"].tolist() == [[b""], [b""]]
    assert filled["scalar"].ndim == 0 and filled["sent"].tolist() == [2]
    assert joining_key(filled, True) is None


def test_requests_of_several_and_of_one_history_are_joined_whatever_they_leave_out() -> None:
    defaults = {"k": np.array([10]), "exclude": strings([[""]])}
    several = fill_defaults({**defaults, "h": strings([["a"], ["b"]])}, defaults)
    one = fill_defaults({**defaults, "h": HISTORY}, defaults)
    assert joining_key(several, True) == joining_key(one, True) is not None
    assert join([several, one], 3)["k"].tolist() == [10] * 3


def test_strings_are_filled_up_with_nothing_and_rows_with_the_first() -> None:
    requests = [{"h": strings([["a"]])}, {"h": strings([["b", "c"], ["d", "e"]])}]
    expected = strings([["a", ""], ["b", "c"], ["d", "e"], ["a", ""]])
    np.testing.assert_array_equal(join(requests, 4)["h"], expected)


def test_outputs_go_back_to_their_requests() -> None:
    first, second = split({"y": np.arange(4)}, [1, 2], 4)
    assert first["y"].tolist() == [0]
    assert second["y"].tolist() == [1, 2]
    assert split({"y": np.arange(4), "total": np.array(3)}, [1, 2], 4) is None
    assert split({"y": np.arange(3)}, [1, 2], 4) is None


@pytest.fixture(scope="module", params=[(), (2, 8, 64)])
def batching_server(toy_base: Path, request: pytest.FixtureRequest) -> Iterator[Stubs]:
    options = BatchingOptions(
        max_batch_size=64,
        batch_timeout_micros=20_000,
        allowed_batch_sizes=request.param,
        pad_variable_length_inputs=True,
    )
    with serving(toy_base, ServerOptions(batching=options)) as stubs:
        yield stubs


ITEMS = st.sampled_from(["", "x", *CATALOGUE])


@st.composite
def requests(draw: st.DrawFn) -> predict_pb2.PredictRequest:
    """Histories of any width; every other input left out, of one row, or of a row for each history."""
    rows, width = draw(st.integers(1, 3)), draw(st.integers(0, 4))
    history = [[draw(ITEMS) for _ in range(width)] for _ in range(rows)]
    inputs: dict[str, np.ndarray] = {}
    for name, value in (
        ("k", st.sampled_from([2, 3, 3, 3, 6]).map(np.int32)),
        ("exclude_item_ids", st.lists(ITEMS, min_size=2, max_size=2).map(lambda row: np.array(row, object))),
        ("filter_seen", st.booleans()),
    ):
        count = draw(st.sampled_from([0, 1, rows]))
        if count:
            inputs[name] = np.array([draw(value) for _ in range(count)])
    return request(np.array(history, object).reshape(rows, width), **inputs)


def outcome(stubs: Stubs, message: predict_pb2.PredictRequest) -> object:
    try:
        outputs = stubs.predictions.Predict(message, timeout=TIMEOUT).outputs
    except grpc.RpcError as error:
        return error.code()
    return {name: tf.make_ndarray(tensor).tolist() for name, tensor in outputs.items()}


@settings(max_examples=15)
@given(st.lists(requests(), min_size=8, max_size=8))
def test_a_joined_answer_is_the_answer_alone(
    toy_server: Stubs, batching_server: Stubs, messages: list[predict_pb2.PredictRequest]
) -> None:
    alone = [outcome(toy_server, message) for message in messages]
    with futures.ThreadPoolExecutor(len(messages)) as pool:
        joined = list(pool.map(lambda message: outcome(batching_server, message), messages))
    assert joined == alone


def test_a_signature_with_a_scalar_works_with_batching(batching_server: Stubs) -> None:
    assert batching_server.predictions.Predict(slow_request(0.01), timeout=TIMEOUT).outputs["rounds"].int_val[0] > 0


def test_a_call_without_a_deadline_is_answered(batching_server: Stubs) -> None:
    assert batching_server.predictions.Predict(request([["a"]])).model_spec.version.value == 7


def test_the_file_has_tf_servings_format(tmp_path: Path) -> None:
    path = tmp_path / "batching.config"
    path.write_text(
        "max_batch_size { value: 32 }\nbatch_timeout_micros { value: 500 }\nmax_enqueued_batches { value: 7 }\n"
        'num_batch_threads { value: 3 }\nthread_pool_name { value: "mine" }\n'
        "allowed_batch_sizes: 8\nallowed_batch_sizes: 32\npad_variable_length_inputs: true\n"
    )
    assert read_batching_options(path) == BatchingOptions(32, 500, 7, 3, (8, 32), True, "mine")


def test_what_the_file_leaves_out_takes_tf_servings_default(tmp_path: Path) -> None:
    path = tmp_path / "batching.config"
    path.touch()
    options = read_batching_options(path)
    assert (options.max_batch_size, options.batch_timeout_micros, options.max_enqueued_batches) == (1000, 0, 10)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("max_batch { value: 1 }", '1:1 : .*no field named "max_batch"'),
        ("max_batch_size { value: 0 }", "max_batch_size must be at least 1, got 0"),
        ("batch_timeout_micros { value: -1 }", "batch_timeout_micros must be at least 0"),
        ("allowed_batch_sizes: 8", "the last must be max_batch_size"),
        ("max_batch_size { value: 8 } allowed_batch_sizes: [9, 8]", "must be positive and ascend"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "batching.config"
    path.write_text(text)
    with pytest.raises(ServerStartError, match=reason):
        read_batching_options(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ServerStartError, match="cannot be read"):
        read_batching_options(tmp_path / "missing")
