"""Wrong requests over REST: each gets its status and a sentence, and the server goes on answering."""

from collections import Counter
from urllib.parse import quote

import pytest
import requests
from hypothesis import HealthCheck, Phase, given, settings

from serving.soak.malformed_rest import MalformedRest, malformed_rest
from tests.serving.running import TIMEOUT, Stubs
from tests.serving.toy import MAX_K, NAME

FAULTS = 18


def _refuse_all(stubs: Stubs, examples: int) -> None:
    seen: Counter[str] = Counter()
    base = f"http://{stubs.rest_address}"
    with requests.Session() as session:

        @settings(
            max_examples=examples,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(malformed_rest(NAME, MAX_K))
        def send(wrong: MalformedRest) -> None:
            seen[wrong.fault] += 1
            response = session.post(base + quote(wrong.path, safe="/:"), data=wrong.body, timeout=TIMEOUT)
            assert response.status_code in wrong.statuses, f"{wrong.fault}: {response.text}"
            assert response.json()["error"]

        send()
        assert len(seen) == FAULTS, f"these alone were tried: {seen}"
        body = {"instances": [{"history_item_ids": ["a"], "k": 2, "filter_seen": True}]}
        answer = session.post(f"{base}/v1/models/{NAME}:predict", json=body, timeout=TIMEOUT)
    assert answer.json() == {"predictions": [{"item_ids": ["b", "c"], "scores": [6.9, 6.8], "cold_start": False}]}


def test_malformed_rest_requests_are_refused(toy_server: Stubs) -> None:
    _refuse_all(toy_server, examples=400)


@pytest.mark.slow
def test_ten_thousand_malformed_rest_requests_are_refused(toy_server: Stubs) -> None:
    _refuse_all(toy_server, examples=10_000)
