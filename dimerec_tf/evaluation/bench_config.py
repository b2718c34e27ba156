"""What a benchmark runs: models x data sets x seeds, from one YAML file."""

from pathlib import Path
from typing import Annotated, Any, NamedTuple

from pydantic import Field, model_validator

from dimerec_tf.config import (
    Config,
    DataConfig,
    EvaluationConfig,
    ModelConfig,
    TrainingConfig,
    load_preset,
    read_yaml,
    validate,
    vary,
)
from dimerec_tf.config_base import PositiveInt, Section
from dimerec_tf.config_model import DimeRecConfig


class Comparison(NamedTuple):
    """What models are compared on: a data set, with seen items left out or kept."""

    dataset: str
    filter_seen: bool


class BenchEvaluation(EvaluationConfig):
    """How a benchmark measures; `filter_seen` counts for nothing, since both ways are measured."""

    top_k: tuple[PositiveInt, ...] = (5, 10, 20, 50)


class BenchModel(Section):
    """A model and its training; `datasets` restricts it to those named, for settings chosen on one of them.

    `preset` takes both from a shipped configuration; what `changes` holds replaces keys of its model, sections by dots
    (`denoiser.dropout: 0.1`).
    """

    preset: str | None = None
    model: ModelConfig = DimeRecConfig()
    training: TrainingConfig = TrainingConfig()
    datasets: tuple[str, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _from_preset(cls, values: Any) -> Any:
        if not isinstance(values, dict) or values.get("preset") is None:
            return values
        extra = set(values) - {"preset", "changes", "datasets"}
        if extra:
            raise ValueError(f"preset already says what model and training are; take out {', '.join(sorted(extra))}")
        shipped = vary(load_preset(values["preset"]), values.get("changes", {}))
        own = {key: values[key] for key in ("preset", "datasets") if key in values}
        return {**own, "model": shipped.model, "training": shipped.training}


class BenchConfig(Section):
    """A benchmark. The floors always run, whatever `models` names; seen items are left out in one table and kept in
    another.
    """

    datasets: Annotated[dict[str, DataConfig], Field(min_length=1)]
    models: dict[str, BenchModel]
    evaluation: BenchEvaluation = BenchEvaluation()
    seeds: Annotated[tuple[int, ...], Field(min_length=1)] = (42, 43, 44)

    @model_validator(mode="after")
    def _datasets_exist(self) -> "BenchConfig":
        for name, model in self.models.items():
            unknown = set(model.datasets) - set(self.datasets)
            if unknown:
                raise ValueError(f"models.{name}.datasets names {', '.join(sorted(unknown))}, which datasets does not")
        return self

    def models_for(self, dataset: str) -> dict[str, BenchModel]:
        """The models that run on a data set."""
        return {name: model for name, model in self.models.items() if not model.datasets or dataset in model.datasets}

    def evaluation_of(self, comparison: Comparison) -> EvaluationConfig:
        """How a comparison is measured."""
        return self.evaluation.model_copy(update={"filter_seen": comparison.filter_seen})

    def run_config(self, comparison: Comparison, model: BenchModel) -> Config:
        """The configuration of one model in a comparison; the seed is put in by the run."""
        return Config(
            data=self.datasets[comparison.dataset],
            model=model.model,
            training=model.training,
            evaluation=self.evaluation_of(comparison),
        )


def load_bench_config(path: str | Path) -> BenchConfig:
    """Reads a YAML file.

    Raises:
        ConfigError: the file is missing, not a YAML mapping, or not a valid benchmark.
    """
    return validate(BenchConfig, read_yaml(path))
