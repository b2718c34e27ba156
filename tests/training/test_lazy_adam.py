"""Adam of sparse gradients: rows that were read move as numpy says, others rest, and a training uses it."""

import numpy as np
import pytest
import tensorflow as tf

from dimerec_tf.training import fit as fit_module
from dimerec_tf.training.fit import fit
from dimerec_tf.training.lazy_adam import LazyAdam
from tests.small_training import NUM_ITEMS, ring, small_config

RNG = np.random.default_rng(0)
RATE, B1, B2, EPSILON = 0.1, 0.9, 0.999, 1e-7


def _steps(optimizer: tf.keras.optimizers.Optimizer, gradients: list) -> np.ndarray:
    table = tf.Variable(tf.ones([6, 2]))
    for gradient in gradients:
        optimizer.apply_gradients([(gradient, table)])
    return table.numpy()


def test_rows_with_a_gradient_move_and_others_rest() -> None:
    table, first, second = np.ones((6, 2)), np.zeros((6, 2)), np.zeros((6, 2))
    gradients = []
    for step, rows in enumerate([[0, 3, 3], [1, 3, 1], [0, 5, 5]], start=1):
        values = RNG.normal(size=(3, 2))
        gradients.append(tf.IndexedSlices(tf.constant(values, tf.float32), tf.constant(rows)))
        for row in set(rows):
            gradient = values[np.array(rows) == row].sum(axis=0)
            first[row] = B1 * first[row] + (1 - B1) * gradient
            second[row] = B2 * second[row] + (1 - B2) * gradient**2
            rate = RATE * np.sqrt(1 - B2**step) / (1 - B1**step)
            table[row] -= rate * first[row] / (np.sqrt(second[row]) + EPSILON)
    np.testing.assert_allclose(_steps(LazyAdam(RATE), gradients), table, rtol=1e-5)
    assert (table[[2, 4]] == 1).all()


def test_with_every_row_in_every_step_it_is_adam() -> None:
    gradients = [RNG.normal(size=(6, 2)).astype(np.float32) for _ in range(4)]
    dense = _steps(tf.keras.optimizers.Adam(RATE), [tf.constant(gradient) for gradient in gradients])
    np.testing.assert_array_equal(_steps(LazyAdam(RATE), [tf.constant(gradient) for gradient in gradients]), dense)
    slices = [tf.IndexedSlices(tf.constant(gradient), tf.range(6)) for gradient in gradients]
    np.testing.assert_allclose(_steps(LazyAdam(RATE), slices), dense, rtol=1e-5)


def test_a_lazy_training_leaves_items_alone_that_no_batch_reads() -> None:
    read = fit(small_config({"lazy_items": True, "epochs": 1}, negatives={"kind": "in_batch"}), ring(), 2 * NUM_ITEMS)
    start = fit(small_config({"lazy_items": True, "epochs": 1, "learning_rate": 1e-30}), ring(), 2 * NUM_ITEMS)
    moved = np.any(read.items.table.numpy() != start.items.table.numpy(), axis=1)
    assert moved[1 : NUM_ITEMS + 1].all() and not moved[0] and not moved[NUM_ITEMS + 1 :].any()


@pytest.mark.parametrize(("from_items", "lazy"), [(NUM_ITEMS, True), (NUM_ITEMS + 1, False)])
def test_large_catalogues_are_lazy_by_themselves(from_items: int, lazy: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fit_module, "LAZY_FROM", from_items)
    assert fit(small_config({"epochs": 1}), ring(), NUM_ITEMS).items.sparse_gradients == lazy
