"""Histories without any event, or with fewer events than interests."""

import numpy as np
import pytest
import tensorflow as tf

from dimerec_tf.models.dimerec import DimeRec
from dimerec_tf.retrieval.exact import ModelScorer
from tests.paper import paper

COUNTS = np.ones(31, np.int64)
KINDS = ["self_attentive", "dynamic_routing", "rule", "mlp", "sasrec"]


def _model(kind: str, backbone: str = "none", **options: object) -> DimeRec:
    values = {"dim": 8, "max_history": 6, "num_interests": 3, "diffusion": {"num_steps": 3}, **options}
    values |= {"guidance": {"kind": kind}, "backbone": {"kind": backbone, "blocks": 1}}
    return DimeRec(paper(**values).model, COUNTS, seed=4)


@pytest.mark.parametrize("backbone", ["none", "transformer"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_history_of_no_width_is_answered_like_an_empty_one(kind: str, backbone: str) -> None:
    model = _model(kind, backbone)
    traced = tf.function(model.query, input_signature=[tf.TensorSpec([None, None], tf.int64)])
    found = traced(tf.zeros([2, 0], tf.int64))
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found, traced(tf.zeros([2, 4], tf.int64)), rtol=1e-5, atol=1e-6)
    assert not model.interests(tf.zeros([2, 0], tf.int64)).numpy().any()
    assert traced(tf.zeros([0, 0], tf.int64)).shape[0] == 0


@pytest.mark.parametrize("kind", ["rule", "sasrec"])
def test_a_short_history_is_scored_by_the_interests_that_it_has(kind: str) -> None:
    model = _model(kind, retrieval="interests")
    history = tf.constant([[3, 0, 0]], tf.int64)
    interest = model.interests(history)[0, 0].numpy()
    expected = model.item_vectors().numpy() @ (interest / np.linalg.norm(interest))
    assert expected.min() < 0
    np.testing.assert_allclose(ModelScorer(model).scores(model.query(history))[0], expected, rtol=1e-4, atol=1e-5)
