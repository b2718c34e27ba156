"""A model config file is read anew while the server runs."""

import logging
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from serving.server.config_file import ConfigFileWatch
from serving.server.model_config import read_model_config
from tests.serving.running import TIMEOUT, Stubs, serving, until
from tests.serving.test_model_config import config
from tests.serving.toy import NAME, request, save_toy


@pytest.fixture
def file(own_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("config") / "models.config"
    path.write_text(f"model_config_list {{ {config(own_base)} }}")
    return path


def replace(file: Path, text: str) -> None:
    """A file that is written in place can be read half, and that is reported too."""
    written = file.with_suffix(".new")
    written.write_text(text)
    written.replace(file)


@pytest.fixture
def watched(file: Path) -> Iterator[Stubs]:
    models = read_model_config(file)
    with serving(models[NAME]) as stubs:
        watch = ConfigFileWatch(file, models, 0.05, lambda models: stubs.server.manager.reload(models, anywhere=True))
        yield stubs
        watch.close()


def test_what_the_file_says_now_is_served_wherever_it_lies(
    watched: Stubs, file: Path, own_base: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("elsewhere")
    save_toy(other, 5)
    replace(file, f"model_config_list {{ {config(own_base)} {config(other, name='other')} }}")
    until(lambda: watched.server.manager.names() == [NAME, "other"])
    message = request([["a"]])
    message.model_spec.name = "other"
    assert watched.predictions.Predict(message, timeout=TIMEOUT).model_spec.version.value == 5
    replace(file, f"model_config_list {{ {config(own_base)} }}")
    until(lambda: watched.server.manager.names() == [NAME])
    with pytest.raises(grpc.RpcError, match=r"Latest\(other\)"):
        watched.predictions.Predict(message, timeout=TIMEOUT)


def test_a_file_that_cannot_be_applied_changes_nothing_and_is_reported_once(
    watched: Stubs, file: Path, own_base: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def reports() -> list[str]:
        return [record.getMessage() for record in caplog.records if "is not applied" in record.getMessage()]

    with caplog.at_level(logging.WARNING):
        replace(file, "model_config_list {")
        until(lambda: len(reports()) == 1)
        replace(file, f"model_config_list {{ {config(own_base / 'missing')} }}")
        until(lambda: len(reports()) == 2)
        assert watched.answered_by() == 1
        replace(file, f"model_config_list {{ {config(own_base)} {config(own_base, name='again')} }}")
        until(lambda: watched.server.manager.names() == [NAME, "again"])
    assert "text format" in reports()[0] and "cannot be listed" in reports()[1] and len(reports()) == 2
