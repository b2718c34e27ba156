"""A steady stream of good requests over gRPC and REST, whose answers are checked."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import grpc
import numpy as np
import requests
import tensorflow as tf
from tensorflow_serving.apis import prediction_service_pb2_grpc

from serving.client.access import OPEN
from serving.oracle import TOLERANCE
from serving.soak.exports import NAME, Exports, Question

DEADLINE_SECONDS = 10.0
PAUSE_SECONDS = 0.08  # between two requests of a thread
GRPC_THREADS = 3
OPTIONS = [("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 100)]


@dataclass(frozen=True)
class Outcome:
    """A request that has ended.

    Attributes:
        started: on the clock of `time.monotonic`.
        seconds: until its end.
        status: `OK`, or how it failed.
        right: whether the answer was; true for a request that failed.
    """

    started: float
    seconds: float
    status: str
    right: bool = True

    @property
    def ended(self) -> float:
        return self.started + self.seconds


class Traffic:
    """Asks from several threads until it is stopped. Nothing is repeated: every failure is recorded.

    Args:
        address: of the gRPC port.
        rest_address: of the REST port.
        exports: knows which version is which.
    """

    def __init__(self, address: str, rest_address: str, exports: Exports) -> None:
        self._exports = exports
        self._questions = exports.questions()
        self._url = f"http://{rest_address}/v1/models/{NAME}:predict"
        self._channel = OPEN.channel(address, OPTIONS)
        # A subscriber's thread attends to a new connection; while every call fails at once, nothing else does.
        self._channel.subscribe(lambda state: None)
        self._stub = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)
        self._session = OPEN.session()
        self._stopping = threading.Event()
        asks = [self._ask_grpc] * GRPC_THREADS + [self._ask_rest]
        self._outcomes: list[list[Outcome]] = [[] for _ in asks]
        self._threads = [
            threading.Thread(target=self._run, args=(ask, outcomes), daemon=True)
            for ask, outcomes in zip(asks, self._outcomes, strict=True)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> list[Outcome]:
        """Ends after the requests in flight; gives all outcomes in order of their start."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()
        self._channel.close()
        self._session.close()
        return sorted((one for part in self._outcomes for one in part), key=lambda one: one.started)

    def _run(self, ask: Callable[[Question], tuple[str, bool]], outcomes: list[Outcome]) -> None:
        number = 0
        while not self._stopping.wait(PAUSE_SECONDS):
            question = self._questions[number % len(self._questions)]
            started = time.monotonic()
            status, right = ask(question)
            outcomes.append(Outcome(started, time.monotonic() - started, status, right))
            number += 1

    def _ask_grpc(self, question: Question) -> tuple[str, bool]:
        try:
            response = self._stub.Predict(question.request, timeout=DEADLINE_SECONDS)
        except grpc.RpcError as error:
            return error.code().name, True
        given = {name: tf.make_ndarray(proto)[0] for name, proto in response.outputs.items()}
        given["item_ids"] = [item.decode() for item in given["item_ids"]]
        export = self._exports.export_of(response.model_spec.version.value)
        return "OK", export is not None and _is_right(given, question.answers[export])

    def _ask_rest(self, question: Question) -> tuple[str, bool]:
        row = {"history_item_ids": question.history, "k": question.k}
        body: dict[str, Any] = {"instances": [{**row, "exclude_item_ids": question.history[:1], "filter_seen": True}]}
        try:
            response = self._session.post(self._url, json=body, timeout=DEADLINE_SECONDS)
        except requests.RequestException as error:
            return type(error).__name__, True
        if response.status_code != requests.codes.ok:
            return f"HTTP {response.status_code}", True
        given = response.json()["predictions"][0]  # REST does not say which version answered
        return "OK", any(_is_right(given, answer) for answer in question.answers)


def _is_right(given: dict[str, Any], answer: dict[str, np.ndarray]) -> bool:
    return (
        list(given["item_ids"]) == [item.decode() for item in answer["item_ids"][0]]
        and np.allclose(given["scores"], answer["scores"][0], rtol=TOLERANCE, atol=TOLERANCE)
        and bool(given["cold_start"]) == bool(answer["cold_start"][0])
    )
