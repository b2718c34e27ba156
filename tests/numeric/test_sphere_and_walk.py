"""Sphere maps, schedule and walks against closed forms and plain numpy loops."""

from itertools import pairwise

import numpy as np
import pytest
import tensorflow as tf

from dimerec_tf.config_model import DiffusionConfig
from dimerec_tf.diffusion.schedule import build_schedule
from dimerec_tf.diffusion.sphere import exponential_map, normalize, project_to_tangent, random_points
from dimerec_tf.diffusion.walk import ChosenSteps, walk_forward, walk_reverse
from dimerec_tf.losses import reconstruction, sampled_softmax

RNG = np.random.default_rng(1)
SCHEDULE = build_schedule(DiffusionConfig())


def _unit(*shape: int) -> np.ndarray:
    points = RNG.normal(size=shape)
    return points / np.linalg.norm(points, axis=-1, keepdims=True)


def test_normalize_keeps_zero_and_its_gradient_finite() -> None:
    zero = tf.zeros([2, 3])
    with tf.GradientTape() as tape:
        tape.watch(zero)
        normed = normalize(zero)
    assert not normed.numpy().any()
    assert np.isfinite(tape.gradient(normed, zero)).all()


def test_projection_is_orthogonal_to_the_base() -> None:
    base, vector = _unit(5, 8), RNG.normal(size=(5, 8))
    tangent = project_to_tangent(tf.constant(vector), tf.constant(base)).numpy()
    np.testing.assert_allclose((tangent * base).sum(-1), 0, atol=1e-12)


def test_exponential_map_walks_its_tangents_length_along_the_sphere() -> None:
    base = _unit(4, 6)
    tangent = project_to_tangent(tf.constant(RNG.normal(size=(4, 6))), tf.constant(base)).numpy()
    tangent *= np.array([0.1, 1.0, 2.0, 3.0])[:, None] / np.linalg.norm(tangent, axis=-1, keepdims=True)
    reached = exponential_map(tf.constant(base), tf.constant(tangent)).numpy()
    np.testing.assert_allclose(np.linalg.norm(reached, axis=-1), 1, atol=1e-12)
    np.testing.assert_allclose(np.arccos((reached * base).sum(-1)), [0.1, 1.0, 2.0, 3.0], atol=1e-9)


def test_exponential_map_of_zero_stays_with_finite_gradient() -> None:
    base, tangent = tf.constant(_unit(2, 4)), tf.zeros([2, 4], tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(tangent)
        reached = exponential_map(base, tangent)
    np.testing.assert_allclose(reached, base)
    assert np.isfinite(tape.gradient(reached, tangent)).all()


def test_random_points_are_uniform_on_the_sphere_and_repeatable() -> None:
    points = random_points([20_000, 3], [1, 2]).numpy()
    np.testing.assert_allclose(np.linalg.norm(points, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(points.mean(axis=0), 0, atol=0.02)
    np.testing.assert_allclose(points.T @ points / len(points), np.eye(3) / 3, atol=0.02)
    np.testing.assert_array_equal(points, random_points([20_000, 3], [1, 2]))


def test_figure_2_the_two_losses_pull_apart_off_the_sphere_and_together_on_it() -> None:
    """a = (1, 2), b = (2, 1), with (0, 0) as the only negative: L_ssm's gradient raises the inner product."""
    a, b, rows = tf.constant([[1.0, 2.0]]), tf.constant([[2.0, 1.0]]), (tf.constant([1]), tf.constant([2]))
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(a)
        on_sphere = normalize(a)
        softmax = sampled_softmax(a, b, tf.zeros([1, 2]), *rows, 1.0)
        distance = reconstruction(b, a)
        softmax_there = sampled_softmax(on_sphere, normalize(b), tf.zeros([1, 2]), *rows, 1.0)
        distance_there = reconstruction(normalize(b), on_sphere)
    up, closer, up_there, closer_there = (
        -tape.gradient(loss, a).numpy()[0] for loss in (softmax, distance, softmax_there, distance_there)
    )
    np.testing.assert_allclose(normalize(up), [2 / 5**0.5, 1 / 5**0.5], rtol=1e-6)
    np.testing.assert_allclose(closer, [2.0, -2.0])
    raised = a + b  # along up, from an inner product of 4 and a distance of 1.41
    assert (tf.reduce_sum(raised * b).numpy(), tf.norm(raised - b).numpy()) == (9, pytest.approx(2.24, abs=0.005))
    assert up_there @ closer_there == pytest.approx(np.linalg.norm(up_there) * np.linalg.norm(closer_there))


def test_schedule_equals_a_plain_product_and_ends_in_noise() -> None:
    betas = np.linspace(1e-4, 0.02, 50) * 20
    np.testing.assert_allclose(SCHEDULE.signal, np.concatenate([[1], np.cumprod(1 - betas)]))
    assert SCHEDULE.signal.dtype == np.float64
    assert SCHEDULE.signal[-1] < 1e-4
    few = build_schedule(DiffusionConfig(num_steps=5))
    assert few.signal[-1] > 0, "a few steps must not reach beta = 1"


def test_posterior_coefficients_equal_ddpms() -> None:
    betas = np.concatenate([[0], 1 - SCHEDULE.signal[1:] / SCHEDULE.signal[:-1]])
    steps = SCHEDULE.reverse_steps()
    assert [step.t for step in steps] == list(range(50, 0, -1))
    for step in steps:
        t, signal, before = step.t, SCHEDULE.signal[step.t], SCHEDULE.signal[step.t - 1]
        assert step.from_clean == pytest.approx(np.sqrt(before) * betas[t] / (1 - signal))
        assert step.from_noised == pytest.approx(np.sqrt(1 - betas[t]) * (1 - before) / (1 - signal))
        assert step.variance == pytest.approx(betas[t] * (1 - before) / (1 - signal))
    assert (steps[-1].from_clean, steps[-1].from_noised, steps[-1].variance) == (pytest.approx(1), 0, 0)


@pytest.mark.parametrize("count", [1, 2, 5, 50])
def test_strided_steps_go_from_the_last_to_the_clean_state(count: int) -> None:
    steps = SCHEDULE.reverse_steps(count)
    assert len(steps) == count
    assert steps[0].t == 50
    assert count == 1 or steps[-1].t == 1
    assert steps[-1].variance == 0


@pytest.mark.parametrize("count", [0, 51])
def test_impossible_step_counts_are_refused(count: int) -> None:
    with pytest.raises(ValueError, match=f"1 to 50 steps, got {count}"):
        SCHEDULE.reverse_steps(count)


@pytest.mark.parametrize(
    ("noise_share", "cosine"), [(0.1, 0.99), (0.2, 0.98), (0.4, 0.92), (0.6, 0.80), (0.8, 0.60), (1.0, 0.0)]
)
def test_forward_walk_reproduces_the_matched_row_of_the_table(noise_share: float, cosine: float) -> None:
    clean = _unit(500, 64)
    signal = np.full(500, 1 - noise_share**2)
    noised = walk_forward(tf.constant(clean), tf.constant(signal), tf.constant(RNG.normal(size=(500, 64)))).numpy()
    np.testing.assert_allclose(np.linalg.norm(noised, axis=-1), 1, atol=1e-9)
    np.testing.assert_allclose((noised * clean).sum(-1), np.sqrt(1 - noise_share**2), atol=1e-9)
    assert (noised * clean).sum(-1).mean() == pytest.approx(cosine, abs=0.006)


SHARES = np.array([0.1, 0.2, 0.4, 0.6, 0.8, 1.0])


@pytest.mark.parametrize(
    ("kind", "cosines"),
    [("literal", [0.70, -0.01, -0.96, 0.02, 0.85, -0.04]), ("scaled", [1.00, 0.98, 0.92, 0.83, 0.70, 0.54])],
)
def test_printed_forward_walks_reproduce_their_rows_of_the_table(kind: str, cosines: list[float]) -> None:
    clean = np.repeat(_unit(4000, 64), 6, axis=0)
    signal = np.tile(1 - SHARES**2, 4000)
    noise = RNG.normal(size=(24_000, 64))
    noised = walk_forward(tf.constant(clean), tf.constant(signal), tf.constant(noise), kind).numpy()
    np.testing.assert_allclose(np.linalg.norm(noised, axis=-1), 1, atol=1e-9)
    found = (noised * clean).sum(-1).reshape(4000, 6)
    np.testing.assert_allclose(found.mean(axis=0), cosines, atol=0.03)
    assert kind == "scaled" or found[:, 5].std() == pytest.approx(0.56, abs=0.03)


def test_gaussian_forward_walk_is_ddpms() -> None:
    clean, noise, signal = RNG.normal(size=(6, 8)), RNG.normal(size=(6, 8)), np.linspace(0.05, 0.95, 6)
    expected = np.sqrt(signal)[:, None] * clean + np.sqrt(1 - signal)[:, None] * noise
    noised = walk_forward(tf.constant(clean), tf.constant(signal), tf.constant(noise), "gaussian")
    np.testing.assert_allclose(noised, expected)


def test_forward_walk_is_the_exponential_map_of_its_angle() -> None:
    clean, noise, signal = _unit(6, 8), RNG.normal(size=(6, 8)), np.linspace(0.05, 0.95, 6)
    direction = normalize(project_to_tangent(tf.constant(noise), tf.constant(clean)))
    expected = exponential_map(tf.constant(clean), np.arccos(np.sqrt(signal))[:, None] * direction)
    np.testing.assert_allclose(
        walk_forward(tf.constant(clean), tf.constant(signal), tf.constant(noise)), expected, atol=1e-9
    )


def test_golden_reverse_walk_against_a_numpy_loop() -> None:
    matrix, start = RNG.normal(size=(6, 6)), _unit(3, 6)

    def denoise(noised: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
        return normalize(tf.matmul(noised, matrix) + tf.cast(step, tf.float64)[:, None] / 50)

    for kind in ("matched", "literal", "none"):
        trajectory = walk_reverse(denoise, tf.constant(start), SCHEDULE.reverse_steps(), kind, seed=7).numpy()
        draws = tf.random.stateless_normal([50, 6], [7, 1], dtype=tf.float64).numpy()
        state = start
        for index, t in enumerate(range(50, 0, -1)):
            signal, before = SCHEDULE.signal[t], SCHEDULE.signal[t - 1]
            beta = 1 - signal / before
            estimate = state @ matrix + t / 50
            estimate /= np.linalg.norm(estimate, axis=-1, keepdims=True)
            mean = (np.sqrt(before) * beta * estimate + np.sqrt(1 - beta) * (1 - before) * state) / (1 - signal)
            variance = beta * (1 - before) / (1 - signal)
            scale = {"matched": np.sqrt(variance / 6), "literal": variance, "none": 0}[kind]
            state = mean + scale * draws[index]
            state /= np.linalg.norm(state, axis=-1, keepdims=True)
            np.testing.assert_allclose(trajectory[index], state, atol=1e-9)


@pytest.mark.parametrize(
    ("kind", "expected"), [("matched", [0.04, 0.26, 0.71, 0.99]), ("literal", [0.01, 0.05, 0.30, 0.99])]
)
def test_reverse_walk_reproduces_the_table_of_marginals(kind: str, expected: list[float]) -> None:
    """With a perfect denoiser, the state after the step from t + 1 has the forward walk's cosine at t."""
    clean = tf.constant(_unit(20, 64))
    cosines = []
    for seed in range(60):
        trajectory = walk_reverse(
            lambda noised, step: clean,
            random_points([20, 64], [seed, 9], tf.float64),
            SCHEDULE.reverse_steps(),
            kind,
            seed=seed,
        )
        cosines.append([tf.reduce_mean(tf.reduce_sum(trajectory[50 - t - 1] * clean, -1)) for t in (38, 25, 13, 2)])
    np.testing.assert_allclose(np.mean(cosines, axis=0), expected, atol=0.02)


def test_one_step_gives_the_denoisers_estimate_of_pure_noise() -> None:
    estimate = tf.constant(_unit(2, 4))
    trajectory = walk_reverse(lambda noised, step: estimate, tf.constant(_unit(2, 4)), SCHEDULE.reverse_steps(1))
    np.testing.assert_allclose(trajectory, estimate[tf.newaxis], atol=1e-12)


@pytest.mark.parametrize("count", [1, 2, 7, 50])
def test_a_walk_chosen_when_the_graph_runs_is_the_same_walk(count: int) -> None:
    start = tf.constant(_unit(2, 4), tf.float32)

    @tf.function
    def chosen(choice: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        steps = ChosenSteps([SCHEDULE.reverse_steps(steps) for steps in range(1, 51)], choice)
        return walk_reverse(lambda x, t: 0.5 * x, start, steps, seed=seed)

    expected = tf.function(walk_reverse)(lambda x, t: 0.5 * x, start, SCHEDULE.reverse_steps(count), seed=9)
    np.testing.assert_array_equal(chosen(tf.constant(count - 1), tf.constant(9)), expected)


def test_a_rows_walk_does_not_depend_on_its_batch() -> None:
    start = tf.constant(_unit(3, 4))
    walk = [
        walk_reverse(lambda x, t: x, rows, SCHEDULE.reverse_steps(), seed=3)[-1].numpy() for rows in (start, start[:1])
    ]
    np.testing.assert_array_equal(walk[0][:1], walk[1])


def test_sphere_gradients_equal_finite_differences_in_float64() -> None:
    clean, noise = _unit(2, 5), RNG.normal(size=(2, 5))

    def through_both_maps(x: tf.Tensor) -> tf.Tensor:
        noised = walk_forward(normalize(x), tf.constant([0.3, 0.8], tf.float64), tf.constant(noise))
        return exponential_map(noised, project_to_tangent(tf.constant(noise), noised))

    theoretical, numerical = tf.test.compute_gradient(through_both_maps, [tf.constant(clean)])
    np.testing.assert_allclose(theoretical[0], numerical[0], atol=1e-6)


def test_schedule_comes_from_the_configuration() -> None:
    np.testing.assert_array_equal(build_schedule(DiffusionConfig()).signal, SCHEDULE.signal)


@pytest.mark.parametrize("count", [4, 50])
@pytest.mark.parametrize("kind", ["matched", "literal", "none"])
def test_golden_reverse_walk_off_the_sphere(kind: str, count: int) -> None:
    """Strided or not, a step's coefficients are those of Bayes' rule for x_previous given x_t and x_0."""
    matrix, start = RNG.normal(size=(6, 6)) / 3, RNG.normal(size=(3, 6))
    trajectory = walk_reverse(
        lambda noised, step: tf.matmul(noised, matrix) + tf.cast(step, tf.float64)[:, None] / 50,
        tf.constant(start),
        SCHEDULE.reverse_steps(count),
        kind,
        seed=7,
        on_sphere=False,
    ).numpy()
    draws = tf.random.stateless_normal([count, 6], [7, 1], dtype=tf.float64).numpy()
    visited = [50, 34, 17, 1, 0] if count == 4 else list(range(50, -1, -1))
    state = start
    for index, (t, previous) in enumerate(pairwise(visited)):
        scale = np.sqrt(SCHEDULE.signal[t] / SCHEDULE.signal[previous])
        estimate, prior = state @ matrix + t / 50, 1 - SCHEDULE.signal[previous]
        added = 1 - scale**2
        if previous:
            variance = 1 / (1 / prior + scale**2 / added)
            mean = variance * (np.sqrt(SCHEDULE.signal[previous]) * estimate / prior + scale * state / added)
        else:
            variance, mean = 0.0, estimate
        state = mean + {"matched": np.sqrt(variance), "literal": variance, "none": 0}[kind] * draws[index]
        np.testing.assert_allclose(trajectory[index], state, atol=1e-8)
