"""What a message holds is counted before it is read."""

from time import perf_counter

import pytest
from tensorflow_serving.apis import get_model_metadata_pb2, predict_pb2

from serving.server.wire import MAX_VALUES, UNCHECKED_BYTES, TooManyValues, check_values
from tests.serving.toy import request

PREDICT = predict_pb2.PredictRequest.DESCRIPTOR


def length(number: int, content: bytes) -> bytes:
    """A field with a length, as protobuf writes it."""
    size, rest = bytearray(), len(content)
    while rest > 0x7F:
        size.append(rest & 0x7F | 0x80)
        rest >>= 7
    return bytes([number << 3 | 2, *size, rest]) + content


def with_tensor(tensor: bytes, name: bytes = b"x") -> bytes:
    return length(1, length(1, b"toy")) + length(2, length(1, name) + length(2, tensor))


DIMENSIONS = with_tensor(length(2, length(2, b"\x08\x01") * 8_000_000))
NAMES = length(1, length(1, b"toy")) + b"".join(length(2, length(1, b"name-%d" % n)) for n in range(200_000))
STRINGS = with_tensor(b"\x08\x07" + b"\x42\x00" * (MAX_VALUES + 1))
GROUPS = b"\x7b\x7c" * UNCHECKED_BYTES


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (DIMENSIONS, "may hold 10000 tensorflow.TensorShapeProto.Dim, this one holds more"),
        (NAMES, "may hold 1000 tensorflow.serving.PredictRequest.InputsEntry"),
        (STRINGS, f"may hold {MAX_VALUES} values"),
        (GROUPS, "a group"),
    ],
    ids=["dimensions", "names", "strings", "groups"],
)
def test_too_much_is_refused_before_it_is_read(data: bytes, text: str) -> None:
    with pytest.raises(TooManyValues, match=text) as caught:
        check_values(data, PREDICT)
    assert len(str(caught.value)) < 200


def test_counting_stops_where_it_is_too_much() -> None:
    """An honest message of as many bytes, whose content is one value, is read for comparison."""

    def seconds(data: bytes) -> float:
        started = perf_counter()
        with pytest.raises(TooManyValues):
            check_values(data, PREDICT)
        return perf_counter() - started

    started = perf_counter()
    predict_pb2.PredictRequest.FromString(DIMENSIONS)
    reading = perf_counter() - started
    assert min(seconds(DIMENSIONS) for _ in range(3)) < reading


@pytest.mark.parametrize(
    "data",
    [
        request([["item"] * 1000] * 100, k=[3]).SerializeToString(),
        with_tensor(b"\x08\x01" + length(4, bytes(4_000_000))),
        with_tensor(b"\x08\x03" + b"\x38\x01" * 100_000),
        b"",
        with_tensor(bytes(UNCHECKED_BYTES))[:-100],
        bytes(range(256)) * 1000,
        length(2, b"\xff" * 70_000),
    ],
    ids=["strings", "packed", "varints", "empty", "cut", "noise", "bad"],
)
def test_what_may_be_read_and_what_is_no_message_pass(data: bytes) -> None:
    try:
        check_values(data, PREDICT)
    except TooManyValues as error:
        assert "group" in str(error)  # noise may begin one


def test_other_messages_are_counted_too() -> None:
    fields = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["x"] * (MAX_VALUES + 1))
    with pytest.raises(TooManyValues, match="values"):
        check_values(fields.SerializeToString(), fields.DESCRIPTOR)
