"""Trainings that are killed or told to stop, in this process and in real ones."""

import os
import random
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from dimerec_tf.edge import catching_errors
from dimerec_tf.evaluation.epoch_record import EpochRecord
from dimerec_tf.models.base import SequenceModel
from dimerec_tf.training import checkpoint
from dimerec_tf.training.checkpoint import OtherTraining, StateNotKept, TrainingStopped
from dimerec_tf.training.fit import fit
from tests.small_training import EVERY_STEP, NUM_ITEMS, STEPS, ring, small_config

EPOCHS = 3


class _Killed(BaseException):
    pass


class _AtStep(tf.keras.callbacks.Callback):
    """Does something after so many steps, before the state is kept."""

    def __init__(self, step: int, action: Any) -> None:
        super().__init__()
        self.step, self.action = step, action

    def on_train_batch_end(self, batch: int, logs: object = None) -> None:
        if int(self.model.steps_trained) == self.step:
            self.action()


def _kill() -> None:
    raise _Killed


def _told_to_stop() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


@pytest.fixture(scope="module")
def undisturbed() -> tuple[SequenceModel, EpochRecord]:
    record = EpochRecord()
    return fit(small_config(), ring(), NUM_ITEMS, callbacks=[record]), record


def _assert_same_weights(weights: list[np.ndarray], expected: list[np.ndarray]) -> None:
    for weight, other in zip(weights, expected, strict=True):
        np.testing.assert_array_equal(weight, other)


@pytest.mark.parametrize("step", [STEPS, STEPS + 1, 2 * STEPS + 7])
def test_killed_within_an_epoch_it_goes_on_to_the_same_weights_and_losses(
    undisturbed: tuple[SequenceModel, EpochRecord], tmp_path: Path, capsys: pytest.CaptureFixture[str], step: int
) -> None:
    config = small_config({"checkpoint_minutes": EVERY_STEP})
    with pytest.raises(_Killed):
        fit(config, ring(), NUM_ITEMS, tmp_path, [EpochRecord(), _AtStep(step, _kill)])
    record = EpochRecord()
    model = fit(config, ring(), NUM_ITEMS, tmp_path, [record])
    epoch, done = divmod(step - 1, STEPS)
    place = f"epoch {epoch} and {done} of {STEPS} steps" if done else f"epoch {epoch}"
    assert f"Resuming training after {place}." in capsys.readouterr().out
    _assert_same_weights(model.get_weights(), undisturbed[0].get_weights())
    assert [epoch["losses"] for epoch in record.epochs] == [epoch["losses"] for epoch in undisturbed[1].epochs]


def test_a_state_that_is_not_in_a_directory_of_this_machine_is_found_again(
    undisturbed: tuple[SequenceModel, EpochRecord], capsys: pytest.CaptureFixture[str]
) -> None:
    place = "ram://bucket/checkpoints"  # a file system of TensorFlow's, as a bucket is
    with pytest.raises(_Killed):
        fit(small_config(), ring(), NUM_ITEMS, place, [_AtStep(STEPS + 1, _kill)])
    model = fit(small_config(), ring(), NUM_ITEMS, place)
    assert "Resuming training after epoch 1." in capsys.readouterr().out
    _assert_same_weights(model.get_weights(), undisturbed[0].get_weights())


def test_a_state_that_does_not_fit_on_the_disk_leaves_the_last_one(
    undisturbed: tuple[SequenceModel, EpochRecord], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    former = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, former[1]))

    config = small_config({"checkpoint_minutes": EVERY_STEP})
    try:
        with pytest.raises(StateNotKept, match=r"The last state, after epoch 1, is in .*Make room"):
            fit(config, ring(), NUM_ITEMS, tmp_path, [_AtStep(STEPS + 1, fill)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, former)
    model = fit(config, ring(), NUM_ITEMS, tmp_path)
    assert "Resuming training after epoch 1." in capsys.readouterr().out
    _assert_same_weights(model.get_weights(), undisturbed[0].get_weights())


def test_a_state_is_on_the_disk_before_it_counts_and_before_the_last_one_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[tuple[str, str | None, list[str]]] = []

    def sync(path: Path) -> None:
        there = sorted(file.name for file in tmp_path.glob("ckpt-*.index"))
        synced.append((path.name, tf.train.latest_checkpoint(str(tmp_path)), there))

    monkeypatch.setattr(checkpoint, "sync", sync)
    fit(small_config({"epochs": 2}), ring(), NUM_ITEMS, tmp_path)
    second = [entry for entry in synced if entry[0].startswith("ckpt-2.")]
    assert sorted(name for name, _, _ in second) == ["ckpt-2.data-00000-of-00001", "ckpt-2.index"]
    for _, counting, there in second:
        assert counting == str(tmp_path / "ckpt-1") and there == ["ckpt-1.index", "ckpt-2.index"]
    assert tf.train.latest_checkpoint(str(tmp_path)) == str(tmp_path / "ckpt-2")


def test_seconds_of_an_interrupted_epoch_count_once(tmp_path: Path) -> None:
    config = small_config({"epochs": 1, "checkpoint_minutes": EVERY_STEP})
    started = time.monotonic()
    with pytest.raises(_Killed):
        fit(config, ring(), NUM_ITEMS, tmp_path, [EpochRecord(), _AtStep(5, _kill)])
    first = time.monotonic() - started
    record = EpochRecord()
    middle = time.monotonic()
    fit(config, ring(), NUM_ITEMS, tmp_path, [record])
    second = time.monotonic() - middle
    assert 0.5 * first < record.epochs[0]["seconds"] - second < first


@pytest.mark.parametrize("step", [4, STEPS])
def test_sigterm_ends_it_after_the_running_step_with_its_state_kept(
    undisturbed: tuple[SequenceModel, EpochRecord], tmp_path: Path, step: int
) -> None:
    former = signal.getsignal(signal.SIGTERM)
    place = f"epoch 0 and {step} of {STEPS} steps" if step < STEPS else "epoch 1"
    with pytest.raises(TrainingStopped, match=rf"The last state, after {place}, is in {tmp_path}\. Start the same"):
        fit(small_config(), ring(), NUM_ITEMS, tmp_path, [_AtStep(step, _told_to_stop)])
    assert signal.getsignal(signal.SIGTERM) is former
    _assert_same_weights(fit(small_config(), ring(), NUM_ITEMS, tmp_path).get_weights(), undisturbed[0].get_weights())


def test_a_stopped_training_ends_a_command_with_a_code_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended, catching_errors():
        raise TrainingStopped("Told to stop.")
    assert ended.value.code == os.EX_TEMPFAIL != 1
    assert capsys.readouterr().err == "error: Told to stop.\n"


def test_the_state_of_another_training_is_refused(tmp_path: Path) -> None:
    fit(small_config({"epochs": 1}), ring(), NUM_ITEMS, tmp_path)
    with pytest.raises(OtherTraining, match=rf"seed 42 and {STEPS} steps in an epoch, not 1 and {STEPS}: remove it"):
        fit(small_config({"epochs": 1}).model_copy(update={"seed": 1}), ring(), NUM_ITEMS, tmp_path)
    with pytest.raises(OtherTraining, match=f"seed 42 and {STEPS} steps in an epoch, not 42 and 20"):
        fit(small_config({"epochs": 1, "batch_size": 4}), ring(), NUM_ITEMS, tmp_path)


def test_the_same_seed_gives_the_same_weights(undisturbed: tuple[SequenceModel, EpochRecord]) -> None:
    _assert_same_weights(fit(small_config(), ring(), NUM_ITEMS).get_weights(), undisturbed[0].get_weights())


def _start(folder: Path, epochs: int) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "tests.small_training", folder / "state", folder / "weights.npz", str(epochs)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _end_in_training(process: "subprocess.Popen[str]", state: Path, number: signal.Signals, delay: float) -> str:
    """Sends a signal so many seconds after the process has kept a state of its own; returns its error output."""
    before = _kept(state)
    while _kept(state) == before and process.poll() is None:
        time.sleep(0.005)
    time.sleep(delay)
    process.send_signal(number)
    return process.communicate()[1]


def _kept(state: Path) -> str:
    return (state / "checkpoint").read_text() if (state / "checkpoint").exists() else ""


def _disturb(folder: Path, epochs: int, signals: list[signal.Signals]) -> None:
    """Starts a training again after each signal, then lets it end, with the weights of an undisturbed one."""
    seed = int.from_bytes(os.urandom(4), "little")
    print(f"delays drawn from seed {seed}")
    delays = random.Random(seed)
    for number in signals:
        process = _start(folder, epochs)
        errors = _end_in_training(process, folder / "state", number, delays.uniform(0, 1))
        if number is signal.SIGTERM:
            assert process.returncode == os.EX_TEMPFAIL and "error: Told to stop. The last state" in errors, errors
        else:
            assert process.returncode == -number, errors
    process = _start(folder, epochs)
    output, errors = process.communicate()
    assert process.returncode == 0 and "Resuming training after epoch" in output, errors
    whole = fit(small_config({"epochs": epochs}), ring(), NUM_ITEMS)
    with np.load(folder / "weights.npz") as weights:
        _assert_same_weights([weights[name] for name in weights.files], whole.get_weights())


def test_a_process_told_to_stop_and_then_killed_at_a_random_moment_ends_with_the_same_weights(tmp_path: Path) -> None:
    _disturb(tmp_path, 60, [signal.SIGTERM, signal.SIGKILL])


@pytest.mark.slow
def test_a_process_killed_at_ten_random_moments_ends_with_the_same_weights(tmp_path: Path) -> None:
    _disturb(tmp_path, 300, [signal.SIGKILL] * 10)
