"""One server with one toy version for the tests that only ask, and one of its own for the others."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serving.exported import save_export
from tests.serving.running import Stubs, serving
from tests.serving.toy import save_toy


@pytest.fixture(scope="session")
def toy_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("toy")
    save_toy(base, 7)
    return base


@pytest.fixture(scope="session")
def toy_server(toy_base: Path) -> Iterator[Stubs]:
    with serving(toy_base) as stubs:
        yield stubs


@pytest.fixture(scope="session")
def export_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_export(tmp_path_factory.mktemp("export"))


@pytest.fixture(scope="session")
def export_server(export_base: Path) -> Iterator[Stubs]:
    with serving(export_base) as stubs:
        yield stubs


@pytest.fixture
def own_base(tmp_path: Path) -> Path:
    save_toy(tmp_path, 1)
    return tmp_path


@pytest.fixture
def frequent_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serving.server.manager.POLL_SECONDS", 0.05)


@pytest.fixture
def own_server(own_base: Path, frequent_polls: None) -> Iterator[Stubs]:
    """A server of the test's own that looks for versions often."""
    with serving(own_base) as stubs:
        yield stubs
