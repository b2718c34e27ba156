"""Every guidance extractor: the shared checks, prefixes, padding, and each against plain numpy."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from dimerec_tf.config import parse_config
from dimerec_tf.errors import DimeRecError
from dimerec_tf.layers.guidance import build_guidance
from dimerec_tf.layers.guidance.dynamic_routing import DynamicRoutingInterest, squash
from dimerec_tf.layers.guidance.mlp import MLPInterest
from dimerec_tf.layers.guidance.rule import RuleInterest, find_rule
from dimerec_tf.layers.guidance.sasrec import SASRecInterest
from dimerec_tf.layers.guidance.self_attentive import SelfAttentiveInterest
from tests.layer_checks import check_layer

RNG = np.random.default_rng(0)
STATES = RNG.normal(size=(3, 7, 4)).astype(np.float32)
ROWS = np.where(np.arange(7) < np.array([[7], [4], [1]]), RNG.integers(1, 9, (3, 7)), 0)
LEARNED: dict[str, Callable[[], tf.keras.layers.Layer]] = {
    "self_attentive": lambda: SelfAttentiveInterest(2, 9),
    "values_with_positions": lambda: SelfAttentiveInterest(2, 9, values_with_positions=True),
    "dynamic_routing": lambda: DynamicRoutingInterest(2, 9),
    "mind": lambda: DynamicRoutingInterest(2, 9, shared_map=True),
    "mlp": lambda: MLPInterest(2, 9),
    "sasrec": lambda: SASRecInterest(2, 9, num_blocks=1, num_heads=2),
}
ALL = {**LEARNED, "rule": lambda: RuleInterest(2)}


def _randomised(name: str) -> tf.keras.layers.Layer:
    layer = ALL[name]()
    layer(STATES, ROWS)
    layer.set_weights([RNG.normal(size=weight.shape) for weight in layer.get_weights()])
    return layer


def _weights(layer: tf.keras.layers.Layer) -> dict[str, np.ndarray]:
    return {
        variable.name.split("/")[-1].split(":")[0] + str(variable.shape): variable.numpy()
        for variable in layer.variables
    }


@pytest.mark.parametrize("all_prefixes", [False, True])
@pytest.mark.parametrize("name", ALL)
def test_layer_checks(name: str, all_prefixes: bool, tmp_path: Path) -> None:
    shape = (3, 7, 2, 4) if all_prefixes else (3, 2, 4)
    check_layer(
        ALL[name](),
        lambda layer: layer(tf.cast(STATES, layer.compute_dtype), ROWS, all_prefixes=all_prefixes),
        tmp_path,
        shape,
    )


@pytest.mark.parametrize("name", ALL)
def test_all_prefixes_equal_one_prefix_after_the_other(name: str) -> None:
    layer = _randomised(name)
    together = layer(STATES, ROWS, all_prefixes=True).numpy()
    for length in range(1, 8):
        alone = layer(STATES[:, :length], ROWS[:, :length]).numpy()
        inside = ROWS[:, length - 1] > 0
        np.testing.assert_allclose(together[inside, length - 1], alone[inside], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ALL)
def test_padding_never_changes_an_interest(name: str) -> None:
    layer = _randomised(name)
    noise = np.where(ROWS[..., np.newaxis] > 0, STATES, 100.0).astype(np.float32)
    np.testing.assert_allclose(layer(noise, ROWS), layer(STATES, ROWS), rtol=1e-5)
    wider = layer(np.pad(STATES, [(0, 0), (0, 2), (0, 0)]), np.pad(ROWS, [(0, 0), (0, 2)]))
    np.testing.assert_allclose(wider, layer(STATES, ROWS), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ALL)
def test_an_empty_history_has_zero_interests(name: str) -> None:
    assert not _randomised(name)(STATES, np.zeros_like(ROWS)).numpy().any()


@pytest.mark.parametrize("name", ["self_attentive", "values_with_positions"])
def test_self_attentive_equals_numpy(name: str) -> None:
    layer = _randomised(name)
    weights = _weights(layer)
    positions, w1, b1, w2 = (weights[key] for key in ("positions(9, 4)", "kernel(4, 16)", "bias(16,)", "kernel(16, 2)"))
    for states, rows, interests in zip(STATES, ROWS, layer(STATES, ROWS).numpy(), strict=True):
        events = states[rows > 0]
        positioned = events + positions[: len(events)]
        logits = np.tanh(positioned @ w1 + b1) @ w2
        attention = np.exp(logits - logits.max(axis=0))
        attention /= attention.sum(axis=0)
        values = positioned if name == "values_with_positions" else events
        np.testing.assert_allclose(interests, attention.T @ values, rtol=1e-4, atol=1e-5)


def _first_logits(name: str, events: int) -> np.ndarray:
    if name == "dynamic_routing":
        return np.zeros((events, 2))
    return tf.random.stateless_normal([9, 2], [0, 0]).numpy()[:events]


def _routed(layer: DynamicRoutingInterest, states: np.ndarray, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Interests of one history by a loop, `[interests, dim]`, and its events' last weights, `[events, interests]`."""
    maps = layer.maps.numpy()
    shared = name == "mind"
    votes = np.array(
        [[event @ (maps[0, 0] if shared else maps[n, k]) for k in range(2)] for n, event in enumerate(states)]
    )
    logits = _first_logits(name, len(states))
    for _ in range(layer.iterations):
        weights = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        total = np.einsum("nk,nkd->kd", weights, votes)
        norm = np.linalg.norm(total, axis=1, keepdims=True)
        capsules = norm**2 / (1 + norm**2) * total / norm
        logits = logits + np.einsum("nkd,kd->nk", votes, capsules)
    return capsules, weights


@pytest.mark.parametrize("iterations", [1, 2, 3, 5])
@pytest.mark.parametrize("name", ["dynamic_routing", "mind"])
def test_dynamic_routing_equals_a_loop(name: str, iterations: int) -> None:
    layer = _randomised(name)
    layer.iterations = iterations
    for states, rows, interests in zip(STATES, ROWS, layer(STATES, ROWS).numpy(), strict=True):
        expected, _ = _routed(layer, states[rows > 0], name)
        np.testing.assert_allclose(interests, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", ["dynamic_routing", "mind"])
def test_routing_learns_through_its_last_iteration_alone(name: str) -> None:
    layer = _randomised(name)
    states = STATES[:1]
    _, weights = _routed(layer, states[0], name)
    with tf.GradientTape(persistent=True) as tape:
        found = tf.reduce_sum(layer(states, ROWS[:1]) ** 3)
        maps = layer.maps[:7] if name == "dynamic_routing" else tf.tile(layer.maps, [7, 2, 1, 1])
        votes = tf.einsum("nd,nkde->nke", states[0], maps)
        last = squash(tf.einsum("nk,nkd->kd", weights.astype(np.float32), votes))
        expected = tf.reduce_sum(last**3)
    gradients = [tape.gradient(value, layer.maps).numpy() for value in (found, expected)]
    np.testing.assert_allclose(*gradients, rtol=1e-2, atol=1e-4)


def test_interests_of_a_shared_map_differ() -> None:
    first, second = np.swapaxes(_randomised("mind")(STATES, ROWS).numpy()[:2], 0, 1)
    assert not np.allclose(first, second, atol=1e-2)


def test_squash_keeps_the_direction_and_bounds_the_length() -> None:
    vectors = np.array([[3.0, 4.0], [0.03, 0.04], [0.0, 0.0]])
    expected = [[0.6 * 25 / 26, 0.8 * 25 / 26], [0.6 * 0.0025 / 1.0025, 0.8 * 0.0025 / 1.0025], [0, 0]]
    np.testing.assert_allclose(squash(tf.constant(vectors)), expected, rtol=1e-6)


def test_mlp_equals_numpy_on_the_flattened_history() -> None:
    layer = _randomised("mlp")
    weights = _weights(layer)
    padded = np.zeros((3, 9, 4))
    padded[:, :7] = np.where(ROWS[..., np.newaxis] > 0, STATES, 0)
    flat = padded.reshape(3, 36) @ weights["kernel(9, 4, 16)"].reshape(36, 16) + weights["bias(16,)"]
    expected = tf.nn.gelu(flat).numpy() @ weights["kernel(16, 8)"] + weights["bias(8,)"]
    np.testing.assert_allclose(layer(STATES, ROWS), expected.reshape(3, 2, 4), rtol=1e-3, atol=1e-3)


def test_the_most_recent_rule_takes_the_latest_events_newest_first() -> None:
    interests = RuleInterest(2)(STATES, ROWS).numpy()
    np.testing.assert_array_equal(interests[0], STATES[0, [6, 5]])
    np.testing.assert_array_equal(interests[1], STATES[1, [3, 2]])
    np.testing.assert_array_equal(interests[2], [STATES[2, 0], np.zeros(4)])


def test_sasrec_takes_the_latest_states_of_its_encoder() -> None:
    layer = _randomised("sasrec")
    states = layer.encoder(STATES, ROWS).numpy()
    interests = layer(STATES, ROWS).numpy()
    np.testing.assert_allclose(interests[0], states[0, [6, 5]], rtol=1e-5)
    np.testing.assert_allclose(interests[1], states[1, [3, 2]], rtol=1e-5)
    np.testing.assert_allclose(interests[2], [states[2, 0], np.zeros(4)], rtol=1e-5)


def first_event(rows: tf.Tensor, count: int) -> tf.Tensor:
    """A rule of this test's own: the first event, again and again."""
    return tf.zeros([tf.shape(rows)[0], tf.shape(rows)[1], count], tf.int32)


def test_a_rule_of_ones_own_is_found_by_name() -> None:
    layer = RuleInterest(2, rule=f"{__name__}:first_event")
    np.testing.assert_array_equal(layer(STATES, ROWS), STATES[:, [0, 0]])
    assert RuleInterest.from_config(layer.get_config()).rule == layer.rule


@pytest.mark.parametrize("name", ["longest", "no.such:rule", "numpy:no_such_rule"])
def test_an_unknown_rule_is_named(name: str) -> None:
    with pytest.raises(DimeRecError, match=f"The rule {name!r} is neither most_recent nor"):
        find_rule(name)


@pytest.mark.parametrize("kind", ["self_attentive", "dynamic_routing", "rule", "mlp", "sasrec"])
def test_every_kind_comes_from_the_configuration(kind: str) -> None:
    config = parse_config({"model": {"dim": 4, "max_history": 7, "num_interests": 3, "guidance": {"kind": kind}}})
    assert build_guidance(config.model)(STATES, ROWS).shape == (3, 3, 4)


def test_the_configuration_of_a_routing_comes_back() -> None:
    layer = DynamicRoutingInterest(2, 9, iterations=5, shared_map=True)
    twin = DynamicRoutingInterest.from_config(layer.get_config())
    assert (twin.num_interests, twin.max_history, twin.iterations, twin.shared_map) == (2, 9, 5, True)
