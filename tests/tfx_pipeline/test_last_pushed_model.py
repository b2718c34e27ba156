"""Which pushed version a new model is compared with, where no metadata can be asked."""

import json
from pathlib import Path

import pytest
from tfx.types.standard_artifacts import Model
from tfx.utils import proto_utils

from dimerec_tf.config import Config, parse_config
from dimerec_tf.export.save import RECORD
from tfx_pipeline.components.last_pushed_model import LastPushedModel
from tfx_pipeline.names import measured
from tfx_pipeline.target import directory

THIS = parse_config({"evaluation": {"filter_seen": True}})
OTHER = parse_config({"evaluation": {"filter_seen": False}})


def push(base: Path, version: int, config: Config, finished: bool = True) -> None:
    export = base / str(version)
    (export / RECORD).parent.mkdir(parents=True)
    (export / RECORD).write_text(json.dumps({"config": config.model_dump(mode="json")}))
    if finished:
        (export / "saved_model.pb").write_text(f"version {version}")


def found(base: Path, output: Path) -> str | None:
    model = Model()
    model.uri = str(output)
    properties = {
        "push_destination": proto_utils.proto_to_json(directory(str(base))),
        "measured_as": measured(THIS.data.split, THIS.evaluation),
    }
    LastPushedModel.EXECUTOR_SPEC.executor_class().Do({}, {"model": [model]}, properties)
    file = output / "Format-Serving" / "saved_model.pb"
    return file.read_text() if file.exists() else None


def test_before_the_first_push_there_is_none(tmp_path: Path) -> None:
    assert found(tmp_path / "models", tmp_path / "output") is None


@pytest.mark.parametrize(
    ("pushed", "expected"),
    [
        ([THIS, THIS], "version 2"),
        ([THIS, OTHER], "version 1"),
        ([OTHER], None),
        ([THIS] * 10, "version 10"),
    ],
    ids=["the newest", "the newest that was measured alike", "none measured alike", "by number, not by name"],
)
def test_it_is_the_newest_that_was_measured_alike(tmp_path: Path, pushed: list[Config], expected: str | None) -> None:
    for version, config in enumerate(pushed, start=1):
        push(tmp_path / "models", version, config)
    assert found(tmp_path / "models", tmp_path / "output") == expected


def test_half_a_version_is_none(tmp_path: Path) -> None:
    push(tmp_path / "models", 1, THIS)
    push(tmp_path / "models", 2, THIS, finished=False)
    assert found(tmp_path / "models", tmp_path / "output") == "version 1"
