"""Cancelled calls, deadlines and stopping."""

import time

import grpc
import pytest

from tests.serving.running import TIMEOUT, Stubs, until
from tests.serving.toy import NAME, request, slow_request


def test_cancelled_calls_break_nothing(own_server: Stubs) -> None:
    """More calls than the server has workers, so that some are cancelled while they wait."""
    calls = [own_server.predictions.Predict.future(slow_request(0.05), timeout=TIMEOUT) for _ in range(40)]
    for call in calls:
        call.cancel()
    assert own_server.answered_by() == 1
    until(lambda: own_server.users() == 0)


def test_a_missed_deadline_breaks_nothing(own_server: Stubs) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        own_server.predictions.Predict(slow_request(1.0), timeout=0.2)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert own_server.answered_by() == 1


def test_stopping_waits_for_the_request_that_runs(own_server: Stubs) -> None:
    running = own_server.predictions.Predict.future(slow_request(1.0), timeout=TIMEOUT)
    until(lambda: own_server.users() == 1)
    own_server.server.stop(grace_seconds=10)
    assert running.result().outputs["rounds"].int_val[0] > 0
    assert own_server.server.manager.served_version(NAME) is None
    with pytest.raises(grpc.RpcError):
        own_server.predictions.Predict(request([["a"]]), timeout=2)


def test_stopping_gives_up_on_a_request_that_takes_too_long(own_server: Stubs) -> None:
    running = own_server.predictions.Predict.future(slow_request(3.0), timeout=TIMEOUT)
    until(lambda: own_server.users() == 1)
    started = time.monotonic()
    own_server.server.stop(grace_seconds=0.2)
    assert time.monotonic() - started < 2.5
    assert running.exception(TIMEOUT) is not None


def test_a_stopped_server_leaves_no_watcher(own_server: Stubs) -> None:
    own_server.server.stop(0)
    until(lambda: not any(thread.is_alive() for thread in own_server.server.manager._watchers))
