"""Every option of the model trains, answers and resumes; sphere modes keep the lengths they promise."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from dimerec_tf.config import ConfigError, parse_config
from dimerec_tf.models.dimerec import DimeRec
from tests.paper import paper

COUNTS = np.arange(31)[::-1].copy()
WINDOWS = tf.constant([[1, 2, 3, 4, 5], [7, 8, 9, 0, 0]], tf.int64)
OPTIONS: dict[str, dict[str, Any]] = {
    "transformer": {"backbone": {"kind": "transformer", "blocks": 1}},
    "dynamic_routing": {"guidance": {"kind": "dynamic_routing"}},
    "mind": {"guidance": {"kind": "dynamic_routing", "shared_map": True}},
    "rule": {"guidance": {"kind": "rule"}},
    "mlp": {"guidance": {"kind": "mlp"}},
    "sasrec": {"guidance": {"kind": "sasrec"}},
    "values_with_positions": {"guidance": {"values_with_positions": True}},
    "mean": {"denoiser": {"aggregation": "mean"}},
    "weighted mean": {"denoiser": {"aggregation": "weighted_mean"}},
    "attention": {"denoiser": {"aggregation": "attention"}},
    "residual": {"denoiser": {"aggregation": "mean", "residual": True, "dropout": 0.3}},
    "sinusoidal": {"denoiser": {"step_embedding": "sinusoidal"}},
    "scaled": {"diffusion": {"forward": "scaled"}},
    "literal": {"diffusion": {"forward": "literal", "reverse_noise": "literal"}},
    "cosine": {"diffusion": {"schedule": "cosine", "reverse_noise": "none"}},
    "samples": {"diffusion": {"samples": 3, "num_steps": 4}},
    "estimate": {"diffusion": {"noised": "estimate"}},
    "strided": {"diffusion": {"reverse_steps": 3}},
    "dam_only": {"sphere": "dam_only", "temperature": 1.0},
    "raw": {"sphere": "raw", "temperature": 1.0},
    "learned_temperature": {"learned_temperature": True},
    "stop_gradient": {"stop_recon_gradient": True},
    **{kind: {"negatives": {"kind": kind, "count": 16}} for kind in ("log_uniform", "in_batch", "mixed", "full")},
}


def _model(**options: Any) -> DimeRec:
    values = {"dim": 8, "max_history": 6, "num_interests": 2, **options}
    return DimeRec(paper(**values).model, COUNTS, seed=4)


@pytest.mark.parametrize("name", OPTIONS)
def test_an_option_learns_with_every_weight_and_answers(name: str) -> None:
    model = _model(**OPTIONS[name])
    with tf.GradientTape() as tape:
        loss = model.compute_loss(WINDOWS, training=True)
    assert np.isfinite(loss)
    for variable, gradient in zip(
        model.trainable_variables, tape.gradient(loss, model.trainable_variables), strict=True
    ):
        assert gradient is not None, variable.name
        assert np.isfinite(tf.convert_to_tensor(gradient)).all(), variable.name
    query = model.query(WINDOWS)
    assert query.shape == (2, OPTIONS[name].get("diffusion", {}).get("samples", 1), 8)
    np.testing.assert_allclose(model.query(tf.pad(WINDOWS, [[0, 0], [0, 1]])), query, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(("sphere", "walked", "scored"), [("all", 1, 1), ("dam_only", 1, 0), ("raw", 0, 0)])
def test_sphere_modes_say_which_vectors_have_unit_length(sphere: str, walked: bool, scored: bool) -> None:
    model = _model(sphere=sphere)
    lengths = [np.linalg.norm(vectors, axis=-1) for vectors in (model.query(WINDOWS), model.item_vectors())]
    assert [np.allclose(length, 1, atol=1e-5) for length in lengths] == [walked, scored]


@pytest.mark.parametrize(("sphere", "changed"), [("all", ["gem", "ssm"]), ("dam_only", ["ssm"]), ("raw", [])])
def test_temperature_acts_on_queries_of_unit_length_only(sphere: str, changed: list[str]) -> None:
    warm, cool = (_model(sphere=sphere, temperature=temperature) for temperature in (1.0, 0.1))
    for variable, source in zip(cool.trainable_variables, warm.trainable_variables, strict=True):
        variable.assign(source)
    losses = [model.losses_of(WINDOWS, training=False) for model in (warm, cool)]
    assert [name for name in ("gem", "ssm") if not np.isclose(losses[0][name], losses[1][name])] == changed


def test_options_reach_their_layers() -> None:
    routing = _model(guidance={"kind": "dynamic_routing", "routing_iterations": 5, "shared_map": True}).guidance
    assert (routing.iterations, routing.shared_map) == (5, True)
    assert _model(guidance={"values_with_positions": True}).guidance.values_with_positions
    denoiser = _model(
        denoiser={"aggregation": "mean", "step_embedding": "sinusoidal", "residual": True, "dropout": 0.3}
    ).denoiser
    assert (denoiser.aggregation, denoiser.step_embedding) == ("mean", "sinusoidal")
    assert (denoiser.residual, denoiser.dropout) == (True, 0.3)


def test_samples_of_a_user_differ_and_the_first_is_the_single_one() -> None:
    single, several = _model(), _model(diffusion={"samples": 3})
    several.set_weights(single.get_weights())
    vectors = several.query(WINDOWS).numpy()
    np.testing.assert_allclose(vectors[:, :1], single.query(WINDOWS), rtol=1e-5, atol=1e-6)
    assert not np.allclose(vectors[:, 0], vectors[:, 1], atol=1e-3)


def test_a_learned_temperature_moves_and_a_fixed_one_does_not() -> None:
    assert any("log_temperature" in variable.name for variable in _model(learned_temperature=True).trainable_variables)
    assert not any("log_temperature" in variable.name for variable in _model().trainable_variables)


def test_stop_gradient_keeps_the_reconstruction_from_moving_its_target() -> None:
    gradients = []
    for stop in (True, False):
        model = _model(stop_recon_gradient=stop, ssm_weight=0.0)
        model.denoiser.output_layer.kernel.assign(tf.zeros_like(model.denoiser.output_layer.kernel))
        model.denoiser.output_layer.bias.assign(tf.ones_like(model.denoiser.output_layer.bias))
        with tf.GradientTape(persistent=True) as tape:
            whole = model.compute_loss(WINDOWS)
        gradients.append(tf.convert_to_tensor(tape.gradient(whole, model.items.table)).numpy())
    assert not np.allclose(gradients[0], gradients[1]), (
        "with the estimate fixed only the target can give the difference"
    )


def test_heads_must_divide_the_dimension() -> None:
    with pytest.raises(ConfigError, match=r"multiple of backbone.heads, got 9 and 2"):
        parse_config({"model": {"dim": 9}})


def test_a_residual_needs_one_aggregated_vector() -> None:
    with pytest.raises(ConfigError, match="residual needs aggregation mean, weighted_mean or attention, got concat"):
        _model(denoiser={"residual": True})


def test_an_untrained_denoiser_is_not_asked() -> None:
    with pytest.raises(ConfigError, match="DAM does not learn: retrieval must be interests"):
        _model(recon_weight=0.0, ssm_weight=0.0)
