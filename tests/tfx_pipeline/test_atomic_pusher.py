from pathlib import Path

import pytest
from tfx.proto import pusher_pb2
from tfx.types import standard_artifacts
from tfx.utils import proto_utils

from tfx_pipeline.components.atomic_pusher import executor
from tfx_pipeline.components.atomic_pusher.executor import Executor


def test_what_is_in_a_bucket_is_pushed_as_buckets_need_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, pushed = standard_artifacts.Model(), standard_artifacts.PushedModel()
    model.uri = str(tmp_path / "model")
    destination = pusher_pb2.PushDestination(
        filesystem=pusher_pb2.PushDestination.Filesystem(base_directory="gs://bucket/dimerec")
    )
    monkeypatch.setattr(executor, "push_to_bucket", lambda exact, base: 7)
    Executor().Do(
        {"model": [model]}, {"pushed_model": [pushed]}, {"push_destination": proto_utils.proto_to_json(destination)}
    )
    assert pushed.get_string_custom_property("pushed_destination") == "gs://bucket/dimerec/7"
    assert pushed.get_string_custom_property("pushed_version") == "7"


@pytest.mark.parametrize("blessed", [True, False])
def test_only_a_blessed_model_is_pushed(tmp_path: Path, blessed: bool) -> None:
    base, export = tmp_path / "serving" / "dimerec", tmp_path / "model" / "Format-Serving"
    export.mkdir(parents=True)
    (export / "saved_model.pb").write_text("a")
    model, blessing, pushed = (
        standard_artifacts.Model(),
        standard_artifacts.ModelBlessing(),
        standard_artifacts.PushedModel(),
    )
    model.uri, blessing.uri, pushed.uri = str(tmp_path / "model"), str(tmp_path / "blessing"), str(tmp_path / "pushed")
    blessing.set_int_custom_property("blessed", int(blessed))
    destination = pusher_pb2.PushDestination(filesystem=pusher_pb2.PushDestination.Filesystem(base_directory=str(base)))
    Executor().Do(
        {"model": [model], "model_blessing": [blessing]},
        {"pushed_model": [pushed]},
        {"push_destination": proto_utils.proto_to_json(destination)},
    )
    assert pushed.get_int_custom_property("pushed") == int(blessed)
    assert (base / "1" / "saved_model.pb").exists() == blessed and base.exists() == blessed
    if blessed:
        assert pushed.get_string_custom_property("pushed_version") == "1"
