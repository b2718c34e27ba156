"""Validation within a training, against numpy and over interruptions."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from dimerec_tf.config import ConfigError
from dimerec_tf.evaluation.epoch_record import EpochRecord
from dimerec_tf.models.base import SequenceModel
from dimerec_tf.training.fit import fit
from dimerec_tf.training.sequences import Sequences
from dimerec_tf.training.validation import Cases
from tests.small_training import NUM_ITEMS, ring, ring_cases, small_config

SPOILT_FROM = 2


def _config(**validation: Any) -> Any:
    training = {"epochs": 8, "learning_rate": 0.02, "validation": {"patience": 2, **validation}}
    return small_config(training, dropout=0.0)


def _hit_rate(model: SequenceModel, cases: Cases, filter_seen: bool) -> float:
    """HR@10 in plain numpy, of histories of one length."""
    hits = []
    queries = model.query(tf.constant(np.stack([*cases.histories]), tf.int64)).numpy()
    for place, query in enumerate(queries):
        history = cases.histories[place]
        scores = (model.item_vectors().numpy() @ query.T).max(axis=1)
        if filter_seen:
            scores[history - 1] = -np.inf
        hits.append(int(cases.targets[place][0]) in np.argsort(-scores)[:10] + 1)
    return float(np.mean(hits))


class _Watch(tf.keras.callbacks.Callback):
    """Measures each epoch by itself, and from an epoch on spoils the item table before the epoch is over."""

    def __init__(self, filter_seen: bool = False, kill_after: int | None = None) -> None:
        super().__init__()
        self.filter_seen, self.kill_after = filter_seen, kill_after
        self.logged: list[float] = []
        self.measured: list[float] = []

    def on_train_batch_end(self, batch: int, logs: object = None) -> None:
        epoch = (int(self.model.steps_trained) - 1) // self.params["steps"]
        if epoch >= SPOILT_FROM:
            table = self.model.items.table
            table.assign(tf.random.stateless_normal(table.shape, [epoch, batch]))

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.logged.append(logs["HR@10"])
        self.measured.append(_hit_rate(self.model, ring_cases(), self.filter_seen))
        if epoch + 1 == self.kill_after:
            raise KeyboardInterrupt


@pytest.mark.parametrize("filter_seen", [False, True])
def test_the_best_epoch_is_kept_and_a_training_without_gain_ends(
    filter_seen: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    config = _config()
    config = config.model_copy(update={"evaluation": config.evaluation.model_copy(update={"filter_seen": filter_seen})})
    watch = _Watch(filter_seen)
    model = fit(config, ring(), NUM_ITEMS, callbacks=[watch], validation=ring_cases())
    assert watch.logged == watch.measured
    best = int(np.argmax(watch.logged))
    assert 0 < best < SPOILT_FROM and len(watch.logged) == best + 1 + 2 < 8
    assert _hit_rate(model, ring_cases(), filter_seen) == max(watch.logged) > min(watch.logged)
    said = capsys.readouterr().out
    assert f"Kept the model after epoch {best + 1}, with HR@10 {max(watch.logged):.2%} of 30 validation users" in said
    assert f"HR@10 {watch.logged[0]:.2%}" in said.splitlines()[0]


def test_a_killed_training_keeps_the_same_best_and_ends_at_the_same_epoch(tmp_path: Path) -> None:
    whole = _Watch()
    expected = fit(_config(), ring(), NUM_ITEMS, tmp_path / "whole", [whole], ring_cases())
    with pytest.raises(KeyboardInterrupt):
        fit(_config(), ring(), NUM_ITEMS, tmp_path / "killed", [_Watch(kill_after=3)], ring_cases())
    resumed = _Watch()
    model = fit(_config(), ring(), NUM_ITEMS, tmp_path / "killed", [resumed], ring_cases())
    assert resumed.logged == whole.logged[2:]
    for weight, other in zip(model.trainable_variables, expected.trainable_variables, strict=True):
        np.testing.assert_array_equal(weight, other)
    after = _Watch()
    again = fit(_config(), ring(), NUM_ITEMS, tmp_path / "killed", [after], ring_cases())
    assert after.logged == [], "a training that is over is not gone on with"
    np.testing.assert_array_equal(again.item_vectors(), expected.item_vectors())


def test_only_so_many_users_after_every_so_many_epochs_and_training_is_the_same(
    capsys: pytest.CaptureFixture[str],
) -> None:
    records = [EpochRecord(), EpochRecord()]
    fit(small_config(), ring(), NUM_ITEMS, callbacks=[records[0]])
    config = small_config({"validation": {"every_epochs": 3, "users": 7}})
    fit(config, ring(), NUM_ITEMS, callbacks=[records[1]], validation=ring_cases())
    losses = [[epoch["losses"] for epoch in record.epochs] for record in records]
    assert losses[0] == losses[1]
    said = capsys.readouterr().out
    assert "of 7 validation users" in said and said.count("HR@10") == 2, "the third epoch's and the best"


def test_what_cannot_be_validated_is_refused() -> None:
    none = Cases(Sequences.from_lists([]), Sequences.from_lists([]))
    for cases in (None, none):
        with pytest.raises(ConfigError, match=r"training\.validation needs a validation split with examples"):
            fit(_config(), ring(), NUM_ITEMS, validation=cases)
    with pytest.raises(ConfigError, match="every_epochs is 9, but the training has 8 epochs"):
        fit(_config(every_epochs=9), ring(), NUM_ITEMS, validation=ring_cases())
