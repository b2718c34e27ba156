"""Versions that are damaged or deleted while requests run."""

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from serving.server import loader
from serving.server.served_model import State
from serving.soak.damage import DAMAGES
from tests.serving.running import TIMEOUT, Stubs, until
from tests.serving.toy import save_toy


@contextmanager
def _asking(stubs: Stubs) -> Iterator[list[int]]:
    """Requests without pause; gives the versions that answered so far, and fails if a request did."""
    versions: list[int] = []
    failures: list[BaseException] = []
    stop = threading.Event()

    def ask() -> None:
        try:
            while not stop.is_set():
                versions.append(stubs.answered_by())
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield versions
    finally:
        stop.set()
        for thread in threads:
            thread.join(TIMEOUT)
    assert not failures
    assert versions


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_version_is_refused_under_load(
    own_server: Stubs, own_base: Path, tmp_path_factory: pytest.TempPathFactory, damage: Callable[[Path], None]
) -> None:
    broken = save_toy(tmp_path_factory.mktemp("pushed"), 2)
    damage(broken)
    with _asking(own_server) as versions:
        shutil.move(broken, own_base / ".tmp-2")
        (own_base / ".tmp-2").rename(own_base / "2")
        until(lambda: own_server.states().get(2) is State.END)
        assert own_server.server.manager.statuses("toy")[2].error_message
        shutil.rmtree(own_base / "2")
        until(lambda: 2 not in own_server.states())
    assert set(versions) == {1}


def test_deleting_the_served_version_goes_back_without_a_failed_request(own_server: Stubs, own_base: Path) -> None:
    with _asking(own_server) as versions:
        newest = save_toy(own_base, 2)
        until(lambda: 2 in versions)
        shutil.rmtree(newest)
        until(lambda: versions[-1] == 1 and 2 not in own_server.states())
    assert set(versions) == {1, 2}


def test_a_version_deleted_while_it_loads_does_no_harm(
    own_server: Stubs, own_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = loader.load_version

    def deleted_first(path: Path) -> loader.LoadedVersion:
        shutil.rmtree(path)
        return load(path)

    monkeypatch.setattr("serving.server.warmup.load_version", deleted_first)
    with _asking(own_server) as versions:
        save_toy(own_base, 2)
        until(lambda: not (own_base / "2").exists() and list(own_server.states()) == [1])
    assert set(versions) == {1}
