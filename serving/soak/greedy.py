"""Callers who would take the whole server: what they send, and how they have to be answered."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping

import grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from tensorflow_serving.apis import predict_pb2

from serving.client.access import OPEN
from serving.soak.exports import NAME, predict_request
from serving.soak.traffic import DEADLINE_SECONDS, OPTIONS

PREDICT = "/tensorflow.serving.PredictionService/Predict"
HEALTH = "/grpc.health.v1.Health/Check"
SILENT = 100  # streams of each method
SILENT_SECONDS = 5.0
LATE = 64
LATE_SECONDS = 0.02
PATIENCE_SECONDS = 60.0  # for a body of many MB on a busy machine
_LONGEST_TEXT = 600
_EMPTY_LISTS = b"[]," * 19_000_000

BODIES: Mapping[str, tuple[bytes, int]] = {
    "one long row among short ones": (
        json.dumps(
            {"instances": [{"history_item_ids": ["a"]}] * 999 + [{"history_item_ids": ["a"] * 10_000}]}
        ).encode(),
        400,
    ),
    "57 MB of []": (b'{"inputs": [' + _EMPTY_LISTS + b"[]]}", 413),
    "3 MB of []": (b'{"inputs": [' + _EMPTY_LISTS[:3_000_000] + b"[]]}", 400),
}


def _field(number: int, content: bytes) -> bytes:
    """A field with a length, as protobuf writes it."""
    size, rest = bytearray(), len(content)
    while rest > 0x7F:
        size.append(rest & 0x7F | 0x80)
        rest >>= 7
    return bytes([number << 3 | 2, *size, rest]) + content


_MODEL = _field(1, _field(1, NAME.encode()))


def messages() -> dict[str, tuple[bytes, grpc.StatusCode]]:
    """Predict requests that would cost much, and their proper status."""
    shape = _field(2, _field(2, b"\x08\x01") * 8_000_000)
    names = b"".join(_field(2, _field(1, b"name-%d" % number)) for number in range(200_000))
    long_name = predict_pb2.PredictRequest()
    long_name.CopyFrom(predict_request([["a"]], [1], [["a"]], [True]))
    long_name.model_spec.name = "é" * 100_000
    return {
        "8,000,000 dimensions": (
            _MODEL + _field(2, _field(1, b"k") + _field(2, shape)),
            grpc.StatusCode.INVALID_ARGUMENT,
        ),
        "200,000 inputs": (_MODEL + names, grpc.StatusCode.INVALID_ARGUMENT),
        "a long name": (long_name.SerializeToString(), grpc.StatusCode.NOT_FOUND),
    }


def send_large(address: str, rest_address: str) -> Iterator[str]:
    """Sends each body and message once; gives a sentence for each wrong answer."""
    for kind, (body, status) in BODIES.items():
        url = f"http://{rest_address}/v1/models/{NAME}:predict"
        with OPEN.session() as session:
            answer = session.post(url, data=body, timeout=PATIENCE_SECONDS)
        if answer.status_code != status or len(answer.text) > _LONGEST_TEXT:
            yield f"A body ({kind}) was answered with {answer.status_code}: {answer.text[:200]}"
    with OPEN.channel(address, OPTIONS) as channel:
        call = channel.unary_unary(PREDICT)
        for kind, (message, code) in messages().items():
            try:
                call(message, timeout=PATIENCE_SECONDS)
                yield f"A message ({kind}) was answered."
            except grpc.RpcError as error:
                text = error.details() or ""
                if error.code() is not code or len(text) > _LONGEST_TEXT:
                    yield f"A message ({kind}) was answered with {error.code().name}: {text[:200]}"


def hold_back(address: str) -> Iterator[str]:
    """Opens calls that send headers and no message, and reflection streams that stay; one more still gets in."""
    done = threading.Event()

    def nothing() -> Iterator[bytes]:
        done.wait()
        yield from ()

    def one() -> Iterator[reflection_pb2.ServerReflectionRequest]:
        yield reflection_pb2.ServerReflectionRequest(list_services="")
        done.wait()

    with OPEN.channel(address, OPTIONS) as channel:
        calls = [channel.stream_unary(method).future(nothing()) for method in (PREDICT, HEALTH) for _ in range(SILENT)]
        reflect = reflection_pb2_grpc.ServerReflectionStub(channel)
        streams = [reflect.ServerReflectionInfo(one()) for _ in range(5)]
        time.sleep(SILENT_SECONDS)
        try:
            next(reflect.ServerReflectionInfo(one(), timeout=DEADLINE_SECONDS))
        except grpc.RpcError as error:
            yield f"Reflection beside open streams was answered with {error.code().name}."
        done.set()
        for call in [*calls, *streams]:
            call.cancel()


def come_late(address: str) -> Iterator[str]:
    """Asks for much in little time."""
    request = predict_request([["item-1"] * 50] * 500, [20] * 500, [["item-2"]] * 500, [True] * 500)
    with OPEN.channel(address, OPTIONS) as channel:
        call = channel.unary_unary(PREDICT)
        message = request.SerializeToString()
        for late in [call.future(message, timeout=LATE_SECONDS) for _ in range(LATE)]:
            error = late.exception()
            if error is not None and error.code() is not grpc.StatusCode.DEADLINE_EXCEEDED:
                yield f"A call of {LATE_SECONDS} s was answered with {error.code().name}: {error.details()}"


GREEDY: Mapping[str, Callable[[str, str], Iterator[str]]] = {
    "hold back": lambda address, _: hold_back(address),
    "send much": send_large,
    "come late": lambda address, _: come_late(address),
}
