"""A training that breaks ends with a description, and never leaves a broken model."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from dimerec_tf.training.divergence import StopWhenDiverged
from dimerec_tf.training.finite import TrainingDiverged, require_finite_weights
from dimerec_tf.training.fit import fit
from tests.small_training import EVERY_STEP, NUM_ITEMS, STEPS, ring, small_config


class _Spoil(tf.keras.callbacks.Callback):
    """Changes the item table after a number of steps."""

    def __init__(self, step: int, change: Callable[[np.ndarray], np.ndarray]) -> None:
        super().__init__()
        self.step, self.change = step, change

    def on_train_batch_begin(self, batch: int, logs: object = None) -> None:
        if int(self.model.steps_trained) == self.step:
            self.model.items.table.assign(self.change(self.model.items.table.numpy()))


@pytest.mark.parametrize(
    ("change", "became"),
    [(lambda table: np.full_like(table, np.nan), "nan"), (lambda table: 1e4 * table, r"[\d.e+]+")],
    ids=["not finite", "exploded"],
)
def test_a_loss_that_breaks_stops_training_at_that_step_with_its_batch_and_the_last_good_state(
    tmp_path: Path, change: Callable[[np.ndarray], np.ndarray], became: str
) -> None:
    config = small_config({"checkpoint_minutes": EVERY_STEP}, sphere="raw", diffusion={"forward": "scaled"})
    with pytest.raises(TrainingDiverged) as raised:
        fit(config, ring(), NUM_ITEMS, tmp_path, [_Spoil(STEPS + 3, change)])
    said = str(raised.value)
    place = rf"in epoch 2, step 4 of {STEPS}, where the losses' means over the epoch are gem \S+, recon \S+, ssm \S+, "
    batch = r"on 8 windows of [67] to 7 events from the training sequences number (\d+, ){7}\d+\. "
    kept = rf"The last state, after epoch 1 and 3 of {STEPS} steps, is in {tmp_path}\. Lower training\.learning_rate"
    assert tf.strings.regex_full_match(said, f"The loss became {became} {place}{batch}{kept}.*"), said
    weights = tf.train.load_checkpoint(str(tmp_path))
    for name in weights.get_variable_to_shape_map():
        value = np.asarray(weights.get_tensor(name))
        assert value.dtype.kind != "f" or np.isfinite(value).all(), name


def test_a_broken_weight_that_no_loss_saw_is_not_kept(tmp_path: Path) -> None:
    unseen = NUM_ITEMS + 1

    def break_unseen(table: np.ndarray) -> np.ndarray:
        table[unseen] = np.inf
        return table

    config = small_config(negatives={"kind": "in_batch"})
    with pytest.raises(TrainingDiverged, match=rf"After training step {2 * STEPS} some weights .*: .*table:0\. Lower"):
        fit(config, ring(), unseen, tmp_path, [_Spoil(STEPS + 3, break_unseen)])
    kept = tf.train.load_checkpoint(str(tmp_path)).get_tensor("model/steps_trained/.ATTRIBUTES/VARIABLE_VALUE")
    assert kept == STEPS


def test_a_broken_model_is_not_returned_where_nothing_is_kept() -> None:
    with pytest.raises(TrainingDiverged, match="No state is kept"):
        fit(small_config(), ring(), NUM_ITEMS, callbacks=[_Spoil(2, lambda table: np.full_like(table, np.nan))])


def test_losses_may_rise_a_hundredfold_but_not_a_thousandfold() -> None:
    model = fit(small_config({"epochs": 1}), ring(), NUM_ITEMS)
    require_finite_weights(model)

    class _Batches:
        steps = STEPS

        def bounds_at(self, step: int) -> np.ndarray:
            return np.array([[0, 7]])

    stop = StopWhenDiverged(ring(), _Batches(), None)
    stop.set_model(model)
    weight = sum(model.loss_weights.values())
    for factor in (1.0, 100.0, 990.0):
        stop.on_train_batch_end(0, {**dict.fromkeys(model.loss_means, 2 * factor), "loss": 2 * factor * weight})
    with pytest.raises(TrainingDiverged, match="The loss became"):
        stop.on_train_batch_end(0, {**dict.fromkeys(model.loss_means, 2020.0), "loss": 2020.0 * weight})
