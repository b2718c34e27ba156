"""Models under Keras' policy mixed_bfloat16: layers compute in half precision, losses and the walk do not."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from dimerec_tf.models.dimerec import DimeRec
from dimerec_tf.training.fit import fit
from tests.baselines.checks import build
from tests.paper import paper
from tests.small_training import NUM_ITEMS, ring, small_config

WINDOWS = tf.constant([[1, 2, 3, 4, 5], [7, 8, 9, 0, 0]], tf.int64)
OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "raw": {"sphere": "raw"},
    "by interests": {"sphere": "dam_only", "retrieval": "interests", "guidance": {"kind": "rule"}},
    "own estimate": {
        "backbone": {"kind": "transformer", "blocks": 1},
        "denoiser": {"aggregation": "attention", "residual": True, "dropout": 0.2},
        "diffusion": {"noised": "estimate", "num_steps": 4},
        "negatives": {"kind": "mixed", "count": 16},
        "dropout": 0.2,
    },
}


def _model(**options: Any) -> DimeRec:
    tf.keras.utils.set_random_seed(5)
    values = {"dim": 8, "max_history": 6, "num_interests": 2, **options}
    return DimeRec(paper(**values).model, np.ones(31, np.int64), seed=4)


@pytest.fixture
def half() -> Iterator[None]:
    before = tf.keras.mixed_precision.global_policy()
    tf.keras.mixed_precision.set_global_policy("mixed_bfloat16")
    yield
    tf.keras.mixed_precision.set_global_policy(before)


@pytest.mark.parametrize("name", OPTIONS)
def test_a_training_step_and_a_query_work_in_half_precision(name: str, half: None) -> None:
    model = _model(**OPTIONS[name])
    assert model.guidance.compute_dtype == "bfloat16"
    model.compile(tf.keras.optimizers.Adam(0.01))
    before = [weight.copy() for weight in model.get_weights()]
    assert np.isfinite(model.fit(tf.data.Dataset.from_tensors(WINDOWS), verbose=0).history["loss"]).all()
    assert any(np.any(old != new) for old, new in zip(before, model.get_weights(), strict=True))
    assert {loss.dtype for loss in model.losses_of(WINDOWS, training=True).values()} == {tf.float32}
    query = model.query(WINDOWS)
    assert query.dtype == model.item_vectors().dtype == tf.float32 and np.isfinite(query).all()


@pytest.mark.parametrize("kind", ["gru4rec", "sasrec", "comirec", "mind", "mult_vae", "dreamrec", "diffurec"])
def test_baselines_work_in_half_precision(kind: str, half: None) -> None:
    options = {"blocks": 1, "heads": 2} if kind == "diffurec" else {}
    model = build(kind, **options)
    model.compile(tf.keras.optimizers.Adam(0.01))
    assert np.isfinite(model.fit(tf.data.Dataset.from_tensors(WINDOWS), verbose=0).history["loss"]).all()
    scores = tf.einsum("bqd,vd->bqv", model.query(WINDOWS), model.item_vectors())
    losses = model.losses_of(WINDOWS, training=False)
    assert scores.dtype == tf.float32 and {loss.dtype for loss in losses.values()} == {tf.float32}
    tf.keras.mixed_precision.set_global_policy("float32")
    twin = build(kind, **options)
    twin.set_weights(model.get_weights())
    for name, loss in twin.losses_of(WINDOWS, training=False).items():
        assert float(losses[name]) == pytest.approx(float(loss), rel=0.1, abs=0.01)


def test_losses_in_half_precision_are_those_in_full(half: None) -> None:
    losses = _model().losses_of(WINDOWS, training=False)
    tf.keras.mixed_precision.set_global_policy("float32")
    for name, loss in _model().losses_of(WINDOWS, training=False).items():
        assert float(losses[name]) == pytest.approx(float(loss), rel=0.05)


def test_a_training_in_half_precision_gives_a_model_in_full() -> None:
    full, half = (
        fit(small_config({"mixed_precision": mixed}), ring(), NUM_ITEMS, callbacks=[record])
        for mixed, record in ((False, _Policy("float32")), (True, _Policy("mixed_bfloat16")))
    )
    assert half.guidance.compute_dtype == "float32" and tf.keras.mixed_precision.global_policy().name == "float32"
    difference = half.items.table.numpy() - full.items.table.numpy()
    assert 0 < np.sqrt(np.mean(difference**2)) < 0.05


class _Policy(tf.keras.callbacks.Callback):
    def __init__(self, expected: str) -> None:
        super().__init__()
        self.expected = expected

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        assert self.model.guidance.dtype_policy.name == self.expected
