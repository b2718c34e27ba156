"""DimeRec's losses against a plain loop over all prefixes and targets, and its walk against one over steps."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from dimerec_tf.config import parse_config
from dimerec_tf.models.dimerec import DimeRec
from tests.paper import paper

COUNTS = np.arange(31)[::-1].copy()
WINDOWS = tf.constant([[1, 2, 3, 4, 5], [7, 8, 9, 0, 0]], tf.int64)
NUM_ITEMS, SAMPLES, DIM, STEPS = 30, 6, 8, 5
SPHERES = ["all", "dam_only", "raw"]


def _model(diffusion: dict[str, Any] | None = None, **options: Any) -> DimeRec:
    values = {"dim": DIM, "max_history": 6, "num_interests": 3, "temperature": 0.3, **options}
    values["diffusion"] = {"num_steps": STEPS, **(diffusion or {})}
    return DimeRec(paper(**values).model, COUNTS, seed=4)


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def _aggregate(model: DimeRec, guidance: np.ndarray) -> np.ndarray:
    if model.denoiser.aggregation == "concat":
        return guidance.ravel()
    weights = np.exp(model.denoiser.preferences.numpy()) * np.any(guidance != 0, axis=1)
    return weights / weights.sum() @ guidance


def _denoise(model: DimeRec, noised: np.ndarray, step: int, guidance: np.ndarray) -> np.ndarray:
    """x0_hat of one sample, `[dim]`, of unit length but for `raw`."""
    aggregated = _aggregate(model, guidance)
    inputs = np.concatenate([noised, model.denoiser.steps.numpy()[step], aggregated])
    hidden_layer, output_layer = model.denoiser.hidden, model.denoiser.output_layer
    hidden = tf.nn.gelu(inputs @ hidden_layer.kernel.numpy() + hidden_layer.bias.numpy()).numpy()
    output = hidden @ output_layer.kernel.numpy() + output_layer.bias.numpy()
    if model.denoiser.residual:
        output = aggregated + 0.1 * output
    return output if model.config.sphere == "raw" else _unit(output)


def _noised(clean: np.ndarray, signal: float, noise: np.ndarray, model: DimeRec) -> np.ndarray:
    """The walk of the configuration; off the sphere DDPM's of sqrt(dim) e, scaled back."""
    if model.config.sphere == "raw":
        return (signal**0.5 * clean * DIM**0.5 + (1 - signal) ** 0.5 * noise) / DIM**0.5
    tangent = noise - (noise @ clean) * clean
    length = np.linalg.norm(tangent)
    angle = {
        "matched": np.arccos(signal**0.5),
        "literal": (1 - signal) ** 0.5 * length,
        "scaled": (1 - signal) ** 0.5 * length / (DIM - 1) ** 0.5,
    }[model.config.diffusion.forward]
    return np.cos(angle) * clean + np.sin(angle) * tangent / length


def _negatives(model: DimeRec) -> tuple[np.ndarray, np.ndarray]:
    """The rows drawn for all targets, and log of how often each row is expected among them."""
    targets = WINDOWS[:, 1:][WINDOWS[:, 1:] > 0]
    rows = model.sampler.draw(targets, model.draw_seed(3)).rows.numpy()
    frequency = np.maximum(COUNTS, 1) / np.maximum(COUNTS, 1)[1:].sum()
    expected = {
        "uniform": lambda: np.ones(len(rows)),
        "full": lambda: np.ones(len(rows)),
        "log_uniform": lambda: len(rows) * np.log1p(1 / rows) / np.log(NUM_ITEMS + 1),
        "in_batch": lambda: SAMPLES * frequency[rows],
        "mixed": lambda: (len(rows) - SAMPLES) / NUM_ITEMS + SAMPLES * frequency[rows],
    }
    return rows, np.log(expected[model.config.negatives.kind]())


def _softmax(
    query: np.ndarray, target: int, items: np.ndarray, negatives: tuple[np.ndarray, np.ndarray], temperature: float
) -> float:
    right = np.exp(query @ items[target] / temperature)
    wrong = sum(
        np.exp(query @ items[row] / temperature - log_q) for row, log_q in zip(*negatives, strict=True) if row != target
    )
    return float(-np.log(right / (right + wrong)))


def _oracle(model: DimeRec) -> dict[str, float]:
    """The three losses, target by target, from the same draws."""
    sphere, estimated = model.config.sphere, model.config.diffusion.noised == "estimate"
    table = model.items.table.numpy()
    scored = _unit(table) if sphere == "all" else table
    negatives = _negatives(model)
    step = tf.random.stateless_uniform([SAMPLES], model.draw_seed(1), 1, STEPS + 1, tf.int32).numpy()
    noise = tf.random.stateless_normal([SAMPLES, DIM], model.draw_seed(2)).numpy()
    at_last = tf.random.stateless_uniform([SAMPLES], model.draw_seed(4)).numpy() < 0.5
    pure = tf.random.stateless_normal([SAMPLES, DIM], model.draw_seed(5)).numpy()
    losses: dict[str, list[float]] = {"gem": [], "recon": [], "ssm": []}
    for window in WINDOWS:
        for place in range(1, np.count_nonzero(window)):
            sample, target = len(losses["gem"]), int(window[place])
            guidance = model.interests(window[tf.newaxis, :place])[0].numpy()
            interests = _unit(guidance) if sphere == "all" else guidance
            chosen = max(interests[np.any(guidance != 0, axis=1)], key=scored[target].dot)
            losses["gem"].append(_softmax(chosen, target, scored, negatives, 0.3 if sphere == "all" else 1))
            clean = table[target] if sphere == "raw" else _unit(table[target])
            start, t = clean, int(step[sample])
            if estimated:
                point = pure[sample] / DIM**0.5 if sphere == "raw" else _unit(pure[sample])
                start, t = _denoise(model, point, STEPS, guidance), STEPS if at_last[sample] else t
            estimate = _denoise(model, _noised(start, model.schedule.signal[t], noise[sample], model), t, guidance)
            losses["recon"].append(float(np.sum((clean - estimate) ** 2)))
            losses["ssm"].append(_softmax(estimate, target, scored, negatives, 1 if sphere == "raw" else 0.3))
    return {name: float(np.mean(values)) for name, values in losses.items()}


def _losses(model: DimeRec) -> dict[str, float]:
    return {name: float(loss) for name, loss in model.losses_of(WINDOWS, training=False).items()}


@pytest.mark.parametrize("noised", ["target", "estimate"])
@pytest.mark.parametrize("sphere", SPHERES)
def test_the_losses_equal_a_loop_over_the_targets_of_all_prefixes(sphere: str, noised: str) -> None:
    model = _model(sphere=sphere, diffusion={"noised": noised})
    assert _losses(model) == pytest.approx(_oracle(model), rel=1e-4)


@pytest.mark.parametrize("kind", ["log_uniform", "in_batch", "mixed", "full"])
def test_the_losses_know_how_negatives_were_drawn(kind: str) -> None:
    model = _model(negatives={"kind": kind, "count": 24})
    assert _losses(model) == pytest.approx(_oracle(model), rel=1e-4)


@pytest.mark.parametrize("forward", ["scaled", "literal"])
def test_the_losses_walk_forward_as_configured(forward: str) -> None:
    model = _model(diffusion={"forward": forward})
    assert _losses(model) == pytest.approx(_oracle(model), rel=1e-4)


def test_the_losses_of_the_defaults() -> None:
    small = {"dim": DIM, "max_history": 6, "temperature": 0.3, "negatives": {"count": 24}}
    model = DimeRec(parse_config({"model": {**small, "diffusion": {"num_steps": STEPS}}}).model, COUNTS, seed=4)
    rng = np.random.default_rng(0)
    model.denoiser.set_weights([rng.normal(size=weight.shape) for weight in model.denoiser.get_weights()])
    assert _losses(model) == pytest.approx(_oracle(model), rel=1e-4)


@pytest.mark.parametrize("reverse_noise", ["matched", "literal", "none"])
@pytest.mark.parametrize("sphere", SPHERES)
def test_the_query_equals_a_loop_over_the_steps(sphere: str, reverse_noise: str) -> None:
    model = _model(sphere=sphere, diffusion={"reverse_noise": reverse_noise})
    history = WINDOWS[:1]
    guidance = model.interests(history)[0].numpy()
    draws = tf.random.stateless_normal([STEPS, DIM], [4, 1]).numpy()
    start = tf.random.stateless_normal([1, DIM], [4, 0]).numpy()[0]
    scale = DIM**0.5 if sphere == "raw" else 1.0
    state = start / scale if sphere == "raw" else _unit(start)
    for draw, t in zip(draws, range(STEPS, 0, -1), strict=True):
        signal, before = model.schedule.signal[t], model.schedule.signal[t - 1]
        beta = 1 - signal / before
        estimate = _denoise(model, state, t, guidance)
        mean = (before**0.5 * beta * estimate + (1 - beta) ** 0.5 * (1 - before) * state) / (1 - signal)
        variance = beta * (1 - before) / (1 - signal)
        noise = {"matched": (variance / DIM) ** 0.5, "literal": variance / scale, "none": 0}[reverse_noise]
        state = mean + noise * draw
        state = state if sphere == "raw" else _unit(state)
    np.testing.assert_allclose(model.query(history)[0, 0], state, rtol=1e-3, atol=1e-5)


def test_off_the_sphere_item_vectors_and_noise_have_the_same_size_in_the_walk() -> None:
    config = paper(dim=64, sphere="raw").model
    model = DimeRec(config, np.ones(301, np.int64), seed=4)
    seen: list[np.ndarray] = []
    model.denoiser.call = lambda noised, *_: seen.append(noised.numpy()) or noised
    model.losses_of(tf.reshape(tf.range(1, 301, dtype=tf.int64), [6, 50]), training=False)
    for noised in seen:
        assert np.square(noised).sum(axis=1).mean() == pytest.approx(1, abs=0.1)


def test_no_gradient_goes_through_the_first_estimate() -> None:
    model = _model(diffusion={"noised": "estimate"}, gem_weight=0.0, ssm_weight=0.0)
    calls: list[tf.Tensor] = []
    denoise = model.denoiser.call

    def watched(*inputs: tf.Tensor) -> tf.Tensor:
        calls.append(denoise(*inputs))
        return calls[-1]

    model.denoiser.call = watched
    with tf.GradientTape() as tape:
        loss = model.losses_of(WINDOWS, training=False)["recon"]
    first, second = tape.gradient(loss, calls)
    assert first is None and np.any(second != 0)


def test_half_of_the_steps_of_the_own_estimate_are_the_last() -> None:
    model = _model(diffusion={"noised": "estimate", "num_steps": 50})
    steps: list[np.ndarray] = []
    model.denoiser.call = lambda noised, step, *_: steps.append(step.numpy()) or noised
    for trained in range(300):
        model.steps_trained.assign(trained)
        model.losses_of(WINDOWS, training=False)
    assert (np.concatenate(steps[::2]) == 50).all()
    drawn = np.concatenate(steps[1::2])
    assert np.mean(drawn == 50) == pytest.approx(0.5 + 0.5 / 50, abs=0.04)
    assert np.mean(drawn[drawn < 50]) == pytest.approx(25, abs=1.5)
