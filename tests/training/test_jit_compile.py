"""Steps that XLA compiles: the same losses on padded batches of few shapes."""

import numpy as np
import pytest
import tensorflow as tf

from dimerec_tf.models.dimerec import DimeRec
from dimerec_tf.training.fit import fit
from tests.paper import paper
from tests.small_training import NUM_ITEMS, ring, small_config

WINDOWS = np.array([[1, 2, 3, 4, 5], [7, 8, 9, 0, 0], [0, 0, 0, 0, 0]])


@pytest.mark.parametrize("backbone", ["none", "transformer"])
def test_padding_and_empty_windows_change_no_loss(backbone: str) -> None:
    """Without random draws for each target: those differ by where the targets stand."""
    values = {"dim": 8, "max_history": 6, "recon_weight": 0.0, "ssm_weight": 0.0, "retrieval": "interests"}
    config = paper(**values, backbone={"kind": backbone}, negatives={"kind": "full"})
    model = DimeRec(config.model, np.ones(31, np.int64), seed=4)
    masked = model.losses_of(tf.constant(WINDOWS[:2]), training=True)["gem"]
    model.sampler.compiled = True
    padded = tf.constant(np.pad(WINDOWS, [(0, 0), (0, 1)]))
    np.testing.assert_allclose(model.losses_of(padded, training=True)["gem"], masked, rtol=1e-5)
    compiled = tf.function(model.losses_of, jit_compile=True)
    np.testing.assert_allclose(compiled(padded, training=True)["gem"], masked, rtol=1e-4)
    assert model.losses_of(tf.zeros_like(padded), training=True)["gem"] == 0


def test_a_compiled_training_learns_what_another_learns() -> None:
    """The negatives are those of any training; noise and dropout are other draws."""
    losses = []
    for compiled in (False, True):
        record = tf.keras.callbacks.History()
        fit(small_config({"jit_compile": compiled, "epochs": 4}), ring(), NUM_ITEMS, callbacks=[record])
        losses.append([record.history[name] for name in ("gem", "recon", "ssm")])
    np.testing.assert_allclose(losses[1], losses[0], rtol=0.06)
    assert losses[1][0][-1] < 0.95 * losses[1][0][0]
