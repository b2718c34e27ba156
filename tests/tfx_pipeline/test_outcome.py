"""What people and programs are told about a run."""

import json
from pathlib import Path

import pytest
from tensorflow_metadata.proto.v0.anomalies_pb2 import Anomalies
from typer.testing import CliRunner

from dimerec_tf.cli import pipeline
from dimerec_tf.cli.pipeline import NotBlessed, print_outcome
from dimerec_tf.config import Config
from tfx_pipeline.anomalies import read_anomalies
from tfx_pipeline.outcome import Outcome


def test_each_anomaly_is_a_sentence_with_its_feature_and_split(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = Anomalies()
    found.anomaly_info["target_item_id"].description = "The feature was missing in 3 of 5 examples."
    found.anomaly_info["an_extra"].description = "New column [not] in the schema."
    for split, anomalies in (("test", found), ("train", Anomalies())):
        (tmp_path / f"Split-{split}").mkdir()
        (tmp_path / f"Split-{split}" / "SchemaDiff.pb").write_bytes(anomalies.SerializeToString())
    sentences = [
        "an_extra in the test split: New column [not] in the schema.",
        "target_item_id in the test split: The feature was missing in 3 of 5 examples.",
    ]
    assert read_anomalies(str(tmp_path)) == sentences
    print_outcome(Config(), Outcome([], sentences, {"popularity": {"HR@10": 0.1}}, {}, False, [], None, None, ""))
    printed = capsys.readouterr().out
    assert all(f"warning: {sentence}" in printed for sentence in sentences)


def test_programs_get_a_refusal_as_json_alone_and_as_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*_: object) -> Outcome:
        print("epoch 1 of 2")
        return Outcome([], [], {"dimerec": {"HR@10": 0.1}}, {}, False, ["HR@10 is 0.1."], None, None, "")

    monkeypatch.setattr(pipeline, "run_pipeline", run)
    (tmp_path / "config.yaml").write_text(Config().to_yaml())
    result = CliRunner().invoke(pipeline.app, ["run", "--config", str(tmp_path / "config.yaml"), "--json"])
    found = json.loads(result.stdout)
    assert found["metrics"] == {"dimerec": {"HR@10": 0.1}} and found["pushed_version"] is None
    assert found["config_fingerprint"] == Config().fingerprint() and found["refusals"] == ["HR@10 is 0.1."]
    assert result.stderr == "epoch 1 of 2\n" and isinstance(result.exception, NotBlessed)
