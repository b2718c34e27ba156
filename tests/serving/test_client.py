"""The typed client."""

import socket
import time

import grpc
import pytest

from serving.client.client import RecommendClient, RecommendError
from tests.serving.running import Stubs, free_port
from tests.serving.toy import NAME, TOO_LARGE


def test_histories_of_any_length_get_their_own_answers(toy_server: Stubs) -> None:
    with RecommendClient(toy_server.address, NAME) as client:
        answers = client.recommend([["a", "b", "é"], [], ["zzz"]], k=5, exclude=["c"], filter_seen=True, version=7)
    assert [answer.item_ids for answer in answers] == [("d", "f"), *[("a", "b", "d", "é", "f")] * 2]
    assert [answer.cold_start for answer in answers] == [False, True, True]
    assert answers[0].scores == pytest.approx((6.7, 6.5))


def test_no_history_means_no_call() -> None:
    with RecommendClient(f"127.0.0.1:{free_port()}", NAME) as client:
        assert client.recommend([]) == []


@pytest.mark.parametrize("arguments", [{"histories": ["ab"]}, {"histories": [["a"]], "exclude": "ab"}])
def test_a_string_in_place_of_ids_is_refused(arguments: dict) -> None:
    with RecommendClient("127.0.0.1:1", NAME) as client, pytest.raises(TypeError, match="not one string"):
        client.recommend(**arguments)


def test_a_server_that_is_away_is_said_to_be() -> None:
    with (
        RecommendClient(f"127.0.0.1:{free_port()}", NAME, timeout_seconds=5) as client,
        pytest.raises(RecommendError) as caught,
    ):
        client.recommend([["a"]])
    assert str(caught.value).startswith("No server answers at 127.0.0.1:")
    assert caught.value.code is grpc.StatusCode.UNAVAILABLE


def test_a_silent_server_runs_into_the_deadline() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        started = time.monotonic()
        client = RecommendClient(f"127.0.0.1:{silent.getsockname()[1]}", NAME, timeout_seconds=0.5)
        with client, pytest.raises(RecommendError, match=r"within 0\.5 s|No server answers"):
            client.recommend([["a"]])
        assert time.monotonic() - started < 5


@pytest.mark.parametrize(("name", "version"), [("x", None), (NAME, 3)])
def test_what_is_not_served_is_named(toy_server: Stubs, name: str, version: int | None) -> None:
    with RecommendClient(toy_server.address, name) as client, pytest.raises(RecommendError) as caught:
        client.recommend([["a"]], version=version)
    assert "does not serve what was asked for: Servable not found" in str(caught.value)
    assert caught.value.code is grpc.StatusCode.NOT_FOUND


def test_a_refused_request_brings_the_models_sentence_alone(toy_server: Stubs) -> None:
    with RecommendClient(toy_server.address, NAME) as client, pytest.raises(RecommendError) as caught:
        client.recommend([["a"]], k=6)
    assert str(caught.value) == f"{toy_server.address} refused the request (INVALID_ARGUMENT): {TOO_LARGE}"
