"""Runs that are kept with their models."""

import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from dimerec_tf.config import Config, EvaluationConfig, load_preset, vary
from dimerec_tf.config_training import ValidationConfig
from dimerec_tf.evaluation import bench_runs
from dimerec_tf.evaluation.bench_runs import KeptRuns, training_fingerprint
from dimerec_tf.evaluation.benchmark import Benchmark, Run, Trained
from dimerec_tf.evaluation.epoch_record import EpochRecord
from tests.e2e.small_log import small_config, write_log


def _train(*_: object) -> None:
    raise AssertionError("trained again")


def test_a_kept_model_answers_as_it_did_when_it_was_trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "log.csv"
    write_log(log)
    config = small_config(log, training={"epochs": 3}).model_copy(update={"seed": 5})
    said: list[str] = []
    first = KeptRuns(tmp_path / "runs", "ring", config.data, said.append).trained("full", config)
    bad = "1 missing item id, 1 unparsable time, 1 wrong number of fields"
    assert sorted(said) == [
        f"ring: 689 events; set aside: {bad}",
        f"ring: reading {log}",
        "ring: training full, seed 5",
    ]
    assert set(first.losses) == {"gem", "recon", "ssm"} and all(len(means) == 3 for means in first.losses.values())
    assert first.losses["gem"][-1] < first.losses["gem"][0]

    monkeypatch.setattr(Benchmark, "train", _train)
    again = KeptRuns(tmp_path / "runs", "ring", config.data, said.append)
    second = again.trained("renamed", config)
    histories = tf.constant([[1, 2, 3], [4, 0, 0]], tf.int64)
    np.testing.assert_array_equal(second.model.query(histories), first.model.query(histories))
    assert second.losses == first.losses and second.seconds == first.seconds
    of_first = again.benchmark.measure(first, config.evaluation)
    np.testing.assert_array_equal(again.run("renamed", config).ranks, of_first.ranks)
    with pytest.raises(AssertionError, match="trained again"):
        again.trained("full", config.model_copy(update={"seed": 6}))


def test_a_model_without_dam_is_told_from_one_with_it_and_known_however_it_is_asked() -> None:
    preset = load_preset("amazon-beauty")
    asked_by_interests = vary(preset, {"retrieval": "interests"})
    without_dam = vary(preset, {"recon_weight": 0.0, "ssm_weight": 0.0, "retrieval": "interests"})
    evaluated_otherwise = without_dam.model_copy(
        update={"name": "other", "evaluation": EvaluationConfig(filter_seen=True)}
    )
    assert training_fingerprint(asked_by_interests) == training_fingerprint(preset)
    assert training_fingerprint(evaluated_otherwise) == training_fingerprint(without_dam)
    assert training_fingerprint(without_dam) != training_fingerprint(preset)


def test_with_a_validation_a_training_is_another_one_where_seen_items_count() -> None:
    preset = load_preset("amazon-beauty")
    validated = preset.model_copy(
        update={"training": preset.training.model_copy(update={"validation": ValidationConfig()})}
    )
    for config, trainings in ((preset, 1), (validated, 2)):
        evaluations = [EvaluationConfig(filter_seen=filter_seen) for filter_seen in (False, True)]
        names = {training_fingerprint(config.model_copy(update={"evaluation": each})) for each in evaluations}
        assert len(names) == trainings


class _Killed(BaseException):
    pass


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    log = tmp_path_factory.mktemp("log") / "log.csv"
    write_log(log)
    return small_config(log, training={"epochs": 3})


@pytest.fixture(scope="module")
def undisturbed(config: Config, tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Trained]:
    kept = KeptRuns(tmp_path_factory.mktemp("whole"), "ring", config.data, print)
    return kept.run("full", config), kept.trained("full", config)


@pytest.mark.parametrize("epochs", [1, 3])
def test_a_killed_training_goes_on_to_the_same_run(
    config: Config, undisturbed: tuple[Run, Trained], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, epochs: int
) -> None:
    """Killed with the second epoch ended but not kept; and with all three kept, before the model is saved."""

    def kill(*_: object, **__: object) -> None:
        raise _Killed

    def save_or_kill(manager: tf.train.CheckpointManager, **options: object) -> str:
        return kill() if len(manager.checkpoint.parts[0].epochs) > epochs else save(manager, **options)

    save = tf.train.CheckpointManager.save
    with monkeypatch.context() as patch, pytest.raises(_Killed):
        patch.setattr(tf.train.CheckpointManager, "save", save_or_kill)
        patch.setattr(bench_runs, "_save", kill)
        KeptRuns(tmp_path / "runs", "ring", config.data, print).run("full", config)
    (checkpoint,) = (tmp_path / "runs").glob("ring-model-*.checkpoint")
    record = EpochRecord()
    tf.train.Checkpoint(parts=[record]).restore(tf.train.latest_checkpoint(checkpoint)).expect_partial()
    assert len(record.epochs) == epochs
    again = KeptRuns(tmp_path / "runs", "ring", config.data, print)
    started = time.monotonic()
    run, trained = again.run("full", config), again.trained("full", config)
    elapsed = time.monotonic() - started
    assert run.metrics == undisturbed[0].metrics and trained.losses == undisturbed[1].losses
    np.testing.assert_array_equal(run.ranks, undisturbed[0].ranks)
    before = sum(epoch["seconds"] for epoch in record.epochs)
    assert before <= trained.seconds < before + elapsed
    assert not checkpoint.exists()
