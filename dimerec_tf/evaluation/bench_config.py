"""What a benchmark runs: models x data sets x seeds, from one YAML file."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from dimerec_tf.config import (
    Config,
    DataConfig,
    EvaluationConfig,
    ModelConfig,
    TrainingConfig,
    read_yaml,
    validate,
)
from dimerec_tf.config_base import Section
from dimerec_tf.config_model import DimeRecConfig


class BenchModel(Section):
    """A model and its training; `datasets` restricts it to those named, for settings chosen on one of them."""

    model: ModelConfig = DimeRecConfig()
    training: TrainingConfig = TrainingConfig()
    datasets: tuple[str, ...] = ()


class BenchConfig(Section):
    """A benchmark. The floors always run, whatever `models` names."""

    datasets: Annotated[dict[str, DataConfig], Field(min_length=1)]
    models: dict[str, BenchModel]
    evaluation: EvaluationConfig = EvaluationConfig(top_k=(5, 10, 20, 50))
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

    def run_config(self, dataset: str, model: BenchModel) -> Config:
        """The configuration of one model on one data set; the seed is put in by the run."""
        return Config(
            data=self.datasets[dataset], model=model.model, training=model.training, evaluation=self.evaluation
        )


def load_bench_config(path: str | Path) -> BenchConfig:
    """Reads a YAML file.

    Raises:
        ConfigError: the file is missing, not a YAML mapping, or not a valid benchmark.
    """
    return validate(BenchConfig, read_yaml(path))
