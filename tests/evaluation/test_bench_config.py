"""Benchmarks as YAML."""

from pathlib import Path

import pytest

from dimerec_tf.config import ConfigError, load_preset
from dimerec_tf.evaluation.bench_config import load_bench_config


def test_a_model_restricted_to_a_data_set_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "bench.yaml"
    file.write_text("datasets: {a: {path: log.csv}}\nmodels: {m: {datasets: [b]}}\n")
    with pytest.raises(ConfigError, match=r"models.m.datasets names b, which datasets does not"):
        load_bench_config(file)
    file.write_text("datasets: {a: {path: log.csv}, b: {path: log.csv}}\nmodels: {m: {datasets: [b]}, n: {}}\n")
    loaded = load_bench_config(file)
    assert list(loaded.models_for("a")) == ["n"] and list(loaded.models_for("b")) == ["m", "n"]


def test_a_model_may_be_a_changed_preset(tmp_path: Path) -> None:
    file = tmp_path / "bench.yaml"
    file.write_text(
        "datasets: {a: {path: log.csv}}\n"
        "models: {m: {preset: ml-100k, changes: {ssm_weight: 0, denoiser.aggregation: mean}}}\n"
    )
    shipped, model = load_preset("ml-100k"), load_bench_config(file).models["m"]
    assert model.preset == "ml-100k" and model.training == shipped.training
    assert model.model == shipped.model.model_copy(
        update={"ssm_weight": 0.0, "denoiser": shipped.model.denoiser.model_copy(update={"aggregation": "mean"})}
    )
    for line, message in {
        "{preset: ml-100k, training: {epochs: 1}}": "preset already says .* take out training",
        "{preset: ml-100k, changes: {nothing.here: 1}}": "nothing",
        "{preset: unknown}": "There is no preset 'unknown'",
    }.items():
        file.write_text(f"datasets: {{a: {{path: log.csv}}}}\nmodels: {{m: {line}}}\n")
        with pytest.raises(ConfigError, match=message):
            load_bench_config(file)


@pytest.mark.parametrize(("evaluation", "top_k"), [("{filter_seen: true}", (5, 10, 20, 50)), ("{top_k: [10]}", (10,))])
def test_every_k_is_measured_unless_others_are_named(tmp_path: Path, evaluation: str, top_k: tuple[int, ...]) -> None:
    file = tmp_path / "bench.yaml"
    file.write_text(f"datasets: {{a: {{path: log.csv}}}}\nmodels: {{}}\nevaluation: {evaluation}\n")
    assert load_bench_config(file).evaluation.top_k == top_k
