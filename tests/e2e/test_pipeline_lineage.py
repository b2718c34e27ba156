"""`dimerec lineage`: a pushed version leads back to its log, its code, its settings and the model before it."""

import json
import shutil
from pathlib import Path

import pytest

from dimerec_tf.cli import main
from dimerec_tf.cli.pipeline import run_pipeline
from tests.e2e.small_log import Run
from tfx_pipeline.lineage import LineageError, read_lineage
from tfx_pipeline.metadata import open_store
from tfx_pipeline.outcome import Outcome, read_outcome
from tfx_pipeline.workdir import Workdir


def test_the_first_version_leads_back_to_its_log(first: Run, second: Outcome) -> None:
    found = read_lineage(Workdir(first.workdir).metadata, 1, first.config.name)
    assert found.path == first.outcome.pushed_path
    assert found.metrics == first.outcome.metrics
    assert found.config == first.config.of_model().model_dump(mode="json")
    assert found.warm_start is None and found.baseline is None, "the cached second run is not where it comes from"
    assert "num_files:1" in found.log_fingerprint and found.spans == []
    steps = [step.step for step in found.ancestors]
    assert steps.index("SequenceExampleGen") < steps.index("Transform") < steps.index("Trainer.dimerec")
    assert all(Path(step.uri).exists() for step in found.ancestors)


def test_a_warm_start_leads_back_to_the_version_before_and_what_the_tuner_chose(
    first: Run, warm: Outcome, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ["dimerec", "lineage", "2", "--workdir", str(first.workdir)]
    monkeypatch.setattr("sys.argv", [*command, "--json"])
    with pytest.raises(SystemExit, match="0"):
        main.run()
    found = json.loads(capsys.readouterr().out)
    assert (found["warm_start"], found["baseline"]) == (1, 1)
    assert found["metrics"] == warm.metrics
    assert found["config"]["training"]["batch_size"] in (32, 48)
    assert "Tuner" in [step["step"] for step in found["ancestors"]]
    monkeypatch.setattr("sys.argv", command)
    with pytest.raises(SystemExit, match="0"):
        main.run()
    printed = capsys.readouterr().out
    assert f"batch_size: {found['config']['training']['batch_size']}" in printed
    assert "warm start from" in printed and "version 1" in printed and found["code_version"] in printed


def test_an_unknown_version_is_one_sentence(first: Run, warm: Outcome, tmp_path: Path) -> None:
    metadata = Workdir(first.workdir).metadata
    with pytest.raises(LineageError, match=r"^No version 9 of dimerec was pushed from \S*work, but: 1, 2\.$"):
        read_lineage(metadata, 9, "dimerec")
    with pytest.raises(LineageError, match="No version 1 of other was pushed"):
        read_lineage(metadata, 1, "other")
    with pytest.raises(LineageError, match="There is no"):
        read_lineage(tmp_path / "metadata.sqlite", 1, "dimerec")


def test_a_workdir_that_was_moved_still_says_what_its_versions_come_from(
    first: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(first.workdir, tmp_path / "moved")
    monkeypatch.setattr("sys.argv", ["dimerec", "lineage", "1", "--workdir", str(tmp_path / "moved"), "--json"])
    with pytest.raises(SystemExit, match="0"):
        main.run()
    printed = capsys.readouterr()
    found = json.loads(printed.out)
    assert f"moved here from {first.workdir}" in printed.err
    assert found["path"] == str(tmp_path / "moved" / "serving" / "dimerec" / "1")
    assert all(step["uri"].startswith(str(tmp_path / "moved")) for step in found["ancestors"])
    assert all(Path(step["uri"]).exists() for step in found["ancestors"])
    outcome = read_outcome(Workdir(tmp_path / "moved").metadata)
    for model, metrics in first.outcome.metrics.items():
        for read_again in (found["metrics"], outcome.metrics):
            assert read_again[model] == pytest.approx(metrics), "a sum may differ in its last digit"
    assert outcome.examples_uri.startswith(str(tmp_path / "moved"))


@pytest.mark.slow
def test_a_pipeline_goes_on_in_a_workdir_that_was_moved(first: Run, tmp_path: Path) -> None:
    moved = Workdir(tmp_path / "moved")
    shutil.copytree(first.workdir, moved.root)
    outcome = run_pipeline(first.config, moved.root)
    for model, metrics in first.outcome.metrics.items():
        assert outcome.metrics[model] == pytest.approx(metrics)
    assert outcome.pushed_version == 1 and outcome.pushed_path == str(moved.serving("dimerec") / "1")
    store = open_store(moved.metadata)
    assert not [artifact.uri for artifact in store.get_artifacts() if str(first.workdir) in artifact.uri]
    blessed = next(
        artifact
        for artifact in sorted(store.get_artifacts_by_type("ModelBlessing"), key=lambda artifact: -artifact.id)
        if artifact.custom_properties["baseline_model"].string_value
    )
    assert blessed.custom_properties["baseline_model"].string_value.startswith(str(moved.root)), "the last blessed one"
