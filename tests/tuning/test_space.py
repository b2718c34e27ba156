"""The search space: what a configuration may say, and what KerasTuner makes of it."""

from typing import Any

import pytest

from dimerec_tf.config import Config, ConfigError, parse_config
from dimerec_tf.config_tuning import TuningConfig
from dimerec_tf.tuning.space import hyperparameters


def _config(**space: Any) -> Config:
    return parse_config({"tuning": {"space": {key.replace("__", "."): value for key, value in space.items()}}})


def _space(tuning: TuningConfig | None) -> dict[str, dict[str, Any]]:
    assert tuning
    return {parameter.name: parameter.get_config() for parameter in hyperparameters(tuning).space}


def test_lists_whole_numbers_and_fractions_become_choices_integers_and_floats() -> None:
    space = _space(
        _config(
            model__dim=[32, 64],
            model__num_interests={"low": 1, "high": 4},
            training__learning_rate={"low": 0.001, "high": 0.1, "scale": "log"},
            model__denoiser__residual=[True, False],
            model__dropout=[0, 0.5],
        ).tuning
    )
    assert space["model.dim"]["values"] == [32, 64] and space["model.denoiser.residual"]["values"] == [True, False]
    assert str(space["model.dropout"]["values"]) == "[0.0, 0.5]"
    interests, rate = space["model.num_interests"], space["training.learning_rate"]
    assert (interests["min_value"], interests["max_value"], interests["sampling"]) == (1, 4, "linear")
    assert (rate["min_value"], rate["max_value"], rate["sampling"]) == (0.001, 0.1, "log")
    assert isinstance(interests["min_value"], int) and isinstance(rate["min_value"], float)


def test_every_kind_of_model_has_the_default_space() -> None:
    assert list(_space(TuningConfig())) == ["training.learning_rate", "model.dropout", "model.dim"]
    for kind in ("dimerec", "gru4rec", "sasrec", "comirec", "mind", "mult_vae", "dreamrec", "diffurec"):
        assert parse_config({"model": {"kind": kind}, "tuning": {}}).tuning == TuningConfig()


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({"model__depth": [1, 2]}, r"tuning\.space has 1 for model\.depth.*\n  model\.depth: Extra inputs"),
        ({"model__dropout": {"low": 0.5, "high": 1.0}}, r"has 1\.0 for model\.dropout.*\n.*should be less than 1"),
        ({"model__dropout": ["high"]}, r"has 'high' for model\.dropout.*\n.*valid number"),
        ({"model__dim__width": [1]}, r"dim has no keys of its own, but model\.dim\.width was to be set"),
    ],
)
def test_a_space_that_the_configuration_cannot_take_is_refused_as_it_is_read(
    space: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        _config(**space)


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({"evaluation__top_k": [10]}, "space takes keys such as model.dropout and training.learning_rate"),
        ({"model": [1]}, "space takes keys such as"),
        ({"model__dropout": {"low": 0.5, "high": 0.1}}, "low must be below high, got 0.5 and 0.1"),
        ({"model__dropout": {"low": 0.0, "high": 0.1, "scale": "log"}}, "a logarithmic range begins above 0"),
        ({"model__dropout": {"low": 0.0, "high": float("inf")}}, "should be a finite number"),
        ({"model__dropout": {"low": 0.0, "high": 0.1, "step": 0.1}}, "step: Extra inputs are not permitted"),
        ({"model__dropout": [0.1, "high"]}, r"model\.dropout\.list: .*values of one kind, got \[0\.1, 'high'\]"),
        ({"model__dropout": 0.1}, r"model\.dropout\.list: Input should be a valid tuple \(received 0\.1\)"),
        ({"model__dropout": []}, "at least 1 item"),
        ({}, "at least 1 item"),
    ],
)
def test_a_senseless_space_is_refused(space: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        _config(**space)
