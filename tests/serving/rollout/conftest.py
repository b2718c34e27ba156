"""Two servers of one model: version 1 is stable and canary."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.serving.rollout.fake_server import Running, model_config, running


@pytest.fixture
def pair(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Running]]:
    monkeypatch.setattr("serving.rollout.rollout.POLL_SECONDS", 0.01)
    with ExitStack() as stack:
        yield [stack.enter_context(running(model_config(1, stable=1, canary=1))) for _ in range(2)]
