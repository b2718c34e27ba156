"""More requests than threads."""

import threading
from collections.abc import Sequence
from pathlib import Path

import grpc
import numpy as np
import pytest
import requests

from serving.server.app import WORKERS
from serving.server.call import Call
from serving.server.options import ServerOptions
from serving.server.overload import Gate
from serving.server.signature import Signature
from tests.serving.running import TIMEOUT, serving, until
from tests.serving.test_metrics import counted, scrape, value
from tests.serving.test_rest import ROW, post, refusal, url
from tests.serving.toy import request

WAITING = 2


def test_overload_is_refused_at_once_and_passes(toy_base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = "2 requests are waiting already. Try again after a pause."
    compute, gate = Signature.compute, threading.Event()

    def compute_later(
        self: Signature, arrays: dict[str, np.ndarray], aliases: Sequence[str], *rest: float | None
    ) -> dict[str, np.ndarray]:
        assert gate.wait(TIMEOUT)
        return compute(self, arrays, aliases, *rest)

    monkeypatch.setattr(Signature, "compute", compute_later)
    with serving(toy_base, ServerOptions(max_waiting_requests=WAITING)) as stubs:

        def ask() -> grpc.Future:
            return stubs.predictions.Predict.future(request([["a"]]), timeout=TIMEOUT)

        refused = {
            "REST": counted(stubs, "REST", "RESOURCE_EXHAUSTED"),
            "GRPC": counted(stubs, "GRPC", "RESOURCE_EXHAUSTED", model=""),
        }
        held = [ask() for _ in range(WORKERS + WAITING)]
        until(lambda: value(scrape(stubs), "dimerec_serving_queue_length") == WAITING)
        for call in [ask() for _ in range(3)]:
            error = call.exception(TIMEOUT)
            assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
            assert error.details() == full
        assert refusal(post(stubs, {"instances": [ROW]})) == (429, full)
        for probed in ("", "/metadata"):
            assert requests.get(url(stubs, probed), timeout=TIMEOUT).status_code == 200
        until(lambda: counted(stubs, "REST", "RESOURCE_EXHAUSTED") == refused["REST"] + 1)
        until(lambda: counted(stubs, "GRPC", "RESOURCE_EXHAUSTED", model="") == refused["GRPC"] + 3)
        assert not any(call.done() for call in held)
        gate.set()
        assert [call.result().model_spec.version.value for call in held] == [7] * len(held)
        until(lambda: ask().exception(TIMEOUT) is None)
        assert post(stubs, {"instances": [ROW]}).status_code == 200


def test_none_may_wait_but_all_threads_work(toy_base: Path) -> None:
    with serving(toy_base, ServerOptions(max_waiting_requests=0)) as stubs:
        assert stubs.answered_by() == 7
        assert post(stubs, {"instances": [ROW]}).status_code == 200


def test_few_threads_compute_for_all_who_wait() -> None:
    """Each that computes keeps some MB: with one for every caller, a server grew to twice its size."""
    gate = Gate(workers=2, max_waiting=50, max_bytes=1000)
    computing: set[str] = set()
    held = threading.Event()

    def work() -> None:
        computing.add(threading.current_thread().name)
        assert held.wait(TIMEOUT)

    callers = [
        threading.Thread(target=gate.run, args=(Call(), 10, work), name=f"caller_{number}") for number in range(52)
    ]
    for caller in callers:
        caller.start()
    until(lambda: gate.waiting == 50)
    held.set()
    for caller in callers:
        caller.join()
    gate.close()
    assert {name for name in computing if name.startswith("computing")} <= {"computing_0", "computing_1"}
    assert len({name for name in computing if name.startswith("caller")}) == 2


def test_after_a_burst_of_callers_few_threads_compute(toy_base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compute, computing, held = Signature.compute, set(), threading.Event()

    def noted(
        self: Signature, arrays: dict[str, np.ndarray], aliases: Sequence[str], *rest: float | None
    ) -> dict[str, np.ndarray]:
        computing.add(threading.current_thread().name)
        assert held.wait(TIMEOUT)
        return compute(self, arrays, aliases, *rest)

    monkeypatch.setattr(Signature, "compute", noted)
    with serving(toy_base) as stubs:
        burst = [stubs.predictions.Predict.future(request([["a"]]), timeout=TIMEOUT) for _ in range(60)]
        until(lambda: value(scrape(stubs), "dimerec_serving_queue_length") == 60 - WORKERS)
        held.set()
        assert all(call.result() for call in burst)
        computing.clear()
        for _ in range(100):
            stubs.predictions.Predict(request([["a"]]), timeout=TIMEOUT)
    assert len(computing) <= 4


def test_what_fails_in_its_turn_fails_for_its_caller_and_leaves_its_place() -> None:
    gate = Gate(workers=1, max_waiting=0, max_bytes=1000)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            gate.run(Call(), 10, lambda: 1 / 0)
    assert gate.run(Call(), 10, lambda: "an answer") == "an answer"
    gate.close()
