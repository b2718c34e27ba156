"""What is done to the server, one thing after the other."""

import json
import socket
import struct
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import quote

import grpc
from hypothesis import HealthCheck, Phase, given, seed, settings
from tensorflow_serving.apis import get_model_status_pb2, model_service_pb2_grpc, predict_pb2

from dimerec_tf.errors import DimeRecError
from serving.client.access import OPEN
from serving.server_process import ServerProcess
from serving.soak.damage import DAMAGES
from serving.soak.exports import NAME, Exports, predict_request
from serving.soak.greedy import GREEDY
from serving.soak.malformed_grpc import Malformed, malformed
from serving.soak.malformed_rest import MalformedRest, malformed_rest
from serving.soak.traffic import DEADLINE_SECONDS, OPTIONS

PREDICT = "/tensorflow.serving.PredictionService/Predict"
BURST = 300  # of each protocol
CONNECTIONS = 200  # to each port
SLOW_SECONDS = 5.0
_PATIENCE_SECONDS = 120.0
_POLL_SECONDS = 0.02
_State = get_model_status_pb2.ModelVersionStatus.State


@dataclass(frozen=True)
class Event:
    """What was done, from when to when on the clock of `time.monotonic`."""

    kind: str
    started: float
    ended: float


@dataclass
class Faults:
    """Does it and writes down what happened.

    Attributes:
        server: it is done to.
        exports: the versions.
        say: is told each thing once it is done.
        events: done so far.
        problems: a sentence for everything that the server did not do as it should.
        refusals: how malformed requests were answered, by status.
    """

    server: ServerProcess
    exports: Exports
    say: Callable[[str], None]
    events: list[Event] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    refusals: Counter[str] = field(default_factory=Counter)
    _left_open: list[socket.socket] = field(default_factory=list)

    def quiet(self, seconds: float) -> None:
        with self._noted("quiet"):
            time.sleep(seconds)

    def settle(self, seconds: float) -> None:
        """Like `quiet`, for a server that has just started."""
        with self._noted("settling"):
            time.sleep(seconds)

    def swap(self) -> None:
        """From the first sign of loading until the old version is freed."""
        old, new = self.exports.current, self.exports.push()
        self.exports.current = new
        self._until(lambda states: new in states)
        with self._noted("swap"):
            self._until(lambda states: states[new] == _State.AVAILABLE and states.get(old) == _State.END)
        self.exports.delete(old)

    def corrupt(self) -> None:
        """A damaged version is pushed, refused and removed, for each kind of damage."""
        with self._noted("corrupt"):
            for damage in DAMAGES.values():
                files = self.exports.copy()
                damage(files)
                version = self.exports.push_files(files)
                self._until_state(version, _State.END)
                self.exports.delete(version)

    def delete(self) -> None:
        """The newest of two versions is deleted: the one before it answers again."""
        with self._noted("delete"):
            old, new = self.exports.current, self.exports.push()
            self._until_state(new, _State.AVAILABLE)
            self.exports.delete(new)
            self._until(lambda states: states.get(old) == _State.AVAILABLE and new not in states)

    def kill(self) -> None:
        """kill -9, then a new start."""
        with self._noted("kill"):
            self.server.kill()
            self.server.start()

    def malformed(self, number: int) -> None:
        """A burst over gRPC and one over REST.

        Args:
            number: other bursts are of other numbers.
        """
        with self._noted("malformed"):
            self._malformed_grpc(number)
            self._malformed_rest(number)

    def connections(self) -> None:
        """Connections that are opened and left until the next time, and a client that sends byte by byte."""
        for left in self._left_open:
            left.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # gone without a farewell
            left.close()
        with self._noted("connections"):
            text = _http_request()
            beginnings = [b"", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", text[:-1], b"\x00" * 50]
            self._left_open = [
                _connect(address, beginnings[number % len(beginnings)])
                for address in (self.server.address, self.server.rest_address)
                for number in range(CONNECTIONS)
            ]
            self._ask_slowly(text)

    def greedy(self) -> None:
        """Callers who hold back messages, send what costs much, or ask for what they will not wait for."""
        with self._noted("greedy"):
            for take in GREEDY.values():
                self.problems += take(self.server.address, self.server.rest_address)

    def _ask_slowly(self, text: bytes) -> None:
        with _connect(self.server.rest_address, b"") as slow:
            for position in range(len(text)):
                slow.sendall(text[position : position + 1])
                time.sleep(SLOW_SECONDS / len(text))
            answer = slow.makefile("rb").read()
        if not answer.startswith(b"HTTP/1.1 200 "):
            self.problems.append(f"A request sent byte by byte was answered with {answer[:80]!r}.")

    def _malformed_grpc(self, number: int) -> None:
        good = predict_request([["item-1", "item-2"]] * 4, [1, 2, 3, 4], [["item-3"]] * 4, [True, False, True, False])
        with OPEN.channel(self.server.address, OPTIONS) as channel:
            call = channel.unary_unary(PREDICT)  # without a serializer: bytes go out as they are

            @_burst(number)
            @given(malformed(good, self.exports.max_k))
            def send(wrong: Malformed) -> None:
                try:
                    answer = call(wrong.message, timeout=DEADLINE_SECONDS)
                except grpc.RpcError as error:
                    self._note(error.code().name, error.code() in wrong.codes, wrong.fault, error.details() or "")
                else:
                    asked = predict_pb2.PredictRequest.FromString(wrong.message)
                    response = predict_pb2.PredictResponse.FromString(answer)
                    proper = wrong.may_be_right and self.exports.agrees(asked, response)
                    self._note("OK", proper, wrong.fault, "an answer")

            send()

    def _malformed_rest(self, number: int) -> None:
        with OPEN.session() as session:

            @_burst(number)
            @given(malformed_rest(NAME, self.exports.max_k))
            def send(wrong: MalformedRest) -> None:
                url = f"http://{self.server.rest_address}{quote(wrong.path, safe='/:')}"
                response = session.post(url, data=wrong.body, timeout=DEADLINE_SECONDS)
                proper = response.status_code in wrong.statuses
                self._note(f"HTTP {response.status_code}", proper, wrong.fault, response.text)

            send()

    def _note(self, status: str, proper: bool, fault: str, text: str) -> None:
        self.refusals[status] += 1
        if not proper:
            self.problems.append(f"A malformed request ({fault}) was answered with {status}: {text[:200]}")

    @contextmanager
    def _noted(self, kind: str) -> Iterator[None]:
        started = time.monotonic()
        yield
        self.events.append(Event(kind, started, time.monotonic()))
        self.say(f"{kind}: {self.events[-1].ended - started:.1f} s, {len(self.problems)} problems so far")

    def _until_state(self, version: int, state: int) -> None:
        self._until(lambda states: states.get(version) == state)

    def _until(self, condition: Callable[[dict[int, int]], bool]) -> None:
        """Waits for states of the versions."""
        request = get_model_status_pb2.GetModelStatusRequest()
        request.model_spec.name = NAME
        end = time.monotonic() + _PATIENCE_SECONDS
        with OPEN.channel(self.server.address, OPTIONS) as channel:
            stub = model_service_pb2_grpc.ModelServiceStub(channel)
            while True:
                answer = stub.GetModelStatus(request, timeout=DEADLINE_SECONDS)
                states = {status.version: status.state for status in answer.model_version_status}
                if condition(states):
                    return
                if time.monotonic() > end:
                    raise DimeRecError(f"The versions did not become what they should; they are {states}.")
                time.sleep(_POLL_SECONDS)


def _burst(number: int) -> Callable[[Callable[[], None]], Callable[[], None]]:
    chosen = settings(
        max_examples=BURST,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    return lambda test: seed(number)(chosen(test))


def _connect(address: str, beginning: bytes) -> socket.socket:
    host, port = address.split(":")
    connection = socket.create_connection((host, int(port)), timeout=DEADLINE_SECONDS)
    connection.sendall(beginning)
    return connection


def _http_request() -> bytes:
    body = json.dumps({"instances": [{"history_item_ids": ["item-1"], "k": 1}]})
    headers = f"Host: localhost\r\nContent-Length: {len(body)}\r\nConnection: close"
    return f"POST /v1/models/{NAME}:predict HTTP/1.1\r\n{headers}\r\n\r\n{body}".encode()
