import numpy as np
import pytest
import tensorflow as tf

from dimerec_tf.layers.guidance.present import fill_absent, route_hard
from dimerec_tf.losses import reconstruction, sampled_softmax

RNG = np.random.default_rng(2)


@pytest.mark.parametrize("temperature", [1.0, 0.07])
def test_sampled_softmax_equals_numpy_with_accidental_hits_left_out(temperature: float) -> None:
    query, positive, negatives = RNG.normal(size=(4, 3)), RNG.normal(size=(4, 3)), RNG.normal(size=(6, 3))
    positive_rows, negative_rows = np.array([1, 2, 3, 9]), np.array([2, 5, 2, 7, 3, 8])
    losses = sampled_softmax(
        tf.constant(query), tf.constant(positive), tf.constant(negatives), positive_rows, negative_rows, temperature
    )
    for index in range(4):
        right = np.exp(query[index] @ positive[index] / temperature)
        others = [
            np.exp(query[index] @ vector / temperature)
            for vector, row in zip(negatives, negative_rows, strict=True)
            if row != positive_rows[index]
        ]
        assert losses[index].numpy() == pytest.approx(-np.log(right / (right + sum(others))))


def test_sampled_softmax_stays_finite_at_extreme_logits() -> None:
    query = tf.constant([[1.0, 0.0]])
    loss = sampled_softmax(query, -query, query, tf.constant([1]), tf.constant([2]), 1e-3)
    np.testing.assert_allclose(loss, [2000.0])


def test_gradients_equal_finite_differences_in_float64() -> None:
    log_q = tf.constant(RNG.normal(size=4))

    def softmax(query: tf.Tensor, positive: tf.Tensor, negatives: tf.Tensor, temperature: tf.Tensor) -> tf.Tensor:
        rows = tf.constant([1, 2]), tf.constant([2, 3, 4, 5])
        return sampled_softmax(query, positive, negatives, *rows, temperature, log_q)

    inputs = [tf.constant(RNG.normal(size=(count, 3))) for count in (2, 2, 4)]
    for theoretical, numerical in (
        tf.test.compute_gradient(softmax, [*inputs, tf.constant(0.5, tf.float64)]),
        tf.test.compute_gradient(reconstruction, inputs[:2]),
    ):
        for exact, estimated in zip(theoretical, numerical, strict=True):
            assert np.any(exact != 0)
            np.testing.assert_allclose(exact, estimated, rtol=1e-4, atol=1e-6)


def test_reconstruction_sums_over_the_vector() -> None:
    x, y = RNG.normal(size=(5, 3)), RNG.normal(size=(5, 3))
    np.testing.assert_allclose(reconstruction(tf.constant(x), tf.constant(y)), ((x - y) ** 2).sum(axis=1))


def test_hard_routing_gives_the_closest_interest_all_of_the_gradient() -> None:
    guidance = tf.constant([[[1.0, 0.0], [0.0, 1.0]], [[0.6, 0.8], [1.0, 0.0]]])
    target = tf.constant([[0.1, 0.9], [0.9, 0.1]])
    with tf.GradientTape() as tape:
        tape.watch(guidance)
        chosen = route_hard(guidance, target)
    np.testing.assert_array_equal(chosen, [[0.0, 1.0], [1.0, 0.0]])
    np.testing.assert_array_equal(tape.gradient(chosen, guidance), [[[0, 0], [1, 1]], [[0, 0], [1, 1]]])


def _with_absent() -> tuple[np.ndarray, np.ndarray]:
    """Interests of which some are all zeros, and targets that mostly disagree with the others."""
    interests, target = RNG.normal(size=(40, 3, 2)), RNG.normal(size=(40, 2))
    interests[RNG.random((40, 3)) < 0.4] = 0
    interests[-1] = 0
    return interests, target


def test_interests_that_are_not_there_are_never_routed_to() -> None:
    interests, target = _with_absent()
    routed = route_hard(tf.constant(interests), tf.constant(target)).numpy()
    for own, wanted, chosen in zip(interests, target, routed, strict=True):
        present = [interest for interest in own if interest.any()]
        np.testing.assert_array_equal(chosen, max(present, key=wanted.dot, default=np.zeros(2)))


def test_interests_that_are_not_there_do_not_raise_a_score() -> None:
    interests, items = _with_absent()
    scores = np.einsum("skd,vd->skv", fill_absent(tf.constant(interests)), items).max(axis=1)
    for own, found in zip(interests, scores, strict=True):
        present = [items @ interest for interest in own if interest.any()]
        np.testing.assert_allclose(found, np.max(present, axis=0) if present else 0)
