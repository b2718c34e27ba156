"""A version that does not load is tried again, some times."""

from pathlib import Path

import pytest

from serving.server import served_model
from serving.server.errors import ModelLoadError
from serving.server.loader import LoadedVersion, load_version
from serving.server.model_config import ModelSettings
from serving.server.served_model import LoadRetries, ServedModel, State

BROKEN = "the disk is away"


def _polled(own_base: Path, monkeypatch: pytest.MonkeyPatch, retries: LoadRetries, failures: int) -> tuple[int, State]:
    """How often a version that fails so many times is tried in ten looks, and where it stands then."""
    tries: list[Path] = []

    def load(path: Path) -> LoadedVersion:
        tries.append(path)
        if len(tries) <= failures:
            raise ModelLoadError(BROKEN)
        return load_version(path)

    monkeypatch.setattr(served_model, "load_warm", load)
    model = ServedModel("toy", ModelSettings(own_base), retries)
    for _ in range(10):
        model.poll()
    (status,) = model.statuses().values()
    model.close()
    return len(tries), status.state


@pytest.mark.parametrize(
    ("retries", "failures", "expected"),
    [
        (LoadRetries(5, 0.0), 0, (1, State.AVAILABLE)),
        (LoadRetries(5, 0.0), 3, (4, State.AVAILABLE)),
        (LoadRetries(5, 0.0), 9, (6, State.END)),
        (LoadRetries(0, 0.0), 9, (1, State.END)),
        (LoadRetries(5, 600.0), 9, (1, State.END)),
    ],
)
def test_a_load_that_fails_is_tried_again_so_often(
    own_base: Path, monkeypatch: pytest.MonkeyPatch, retries: LoadRetries, failures: int, expected: tuple[int, State]
) -> None:
    assert _polled(own_base, monkeypatch, retries, failures) == expected
