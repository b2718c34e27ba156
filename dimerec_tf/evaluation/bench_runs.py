"""Runs a benchmark; every finished run is kept, so that one started again goes on."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

import dimerec_tf
from dimerec_tf.code_version import code_version
from dimerec_tf.config import Config, DataConfig, EvaluationConfig
from dimerec_tf.data.log_reader import list_log_files
from dimerec_tf.evaluation.bench_config import BenchConfig
from dimerec_tf.evaluation.benchmark import FLOORS, Benchmark, Run
from dimerec_tf.models.base import SequenceModel
from dimerec_tf.models.registry import build_model

Runs = dict[str, list[Run]]


@dataclass(frozen=True)
class Trained:
    """A run with its model; `losses` holds each unweighted loss by name, its mean in every epoch."""

    run: Run
    model: SequenceModel
    losses: dict[str, list[float]]


class KeptRuns:
    """Runs on one data set. A finished one is found again by its data, configuration and code.

    Args:
        directory: where finished runs are kept.
        dataset: what people call the data set.
        data: where its log is and how to split it; read when the first run asks for it.
        evaluation: how runs are measured.
        say: is told what starts.
    """

    def __init__(
        self, directory: Path, dataset: str, data: DataConfig, evaluation: EvaluationConfig, say: Callable[[str], None]
    ) -> None:
        self.directory, self.dataset = directory, dataset
        self.data, self.evaluation = data, evaluation
        self.say = say

    @cached_property
    def benchmark(self) -> Benchmark:
        """The log, split and encoded."""
        self.say(f"{self.dataset}: reading {self.data.path}")
        return Benchmark(self.data, self.evaluation)

    def run(self, name: str, config: Config) -> Run:
        """A model's run; `name` is what people call the model."""
        file = self._file(config)
        if not file.exists():
            self._say_training(name, config)
            _keep(self.benchmark.run_model(config), config, file)
        return _load(file)

    def trained(self, name: str, config: Config) -> Trained:
        """A model's run with the model, whose weights are kept beside the run."""
        file = self._file(config)
        weights = file.with_suffix(".weights.npz")
        if not (file.exists() and weights.exists()):
            self._say_training(name, config)
            model, run = self.benchmark.train_model(config)
            losses = {loss: model.history.history[loss] for loss in model.loss_means}
            arrays = {str(index): weight for index, weight in enumerate(model.get_weights())}
            _save(weights, losses=json.dumps(losses), **arrays)
            _keep(run, config, file)
        model = build_model(config.model, self.benchmark.counts, config.seed)
        with np.load(weights) as stored:
            model.set_weights([stored[str(index)] for index in range(len(stored.files) - 1)])
            return Trained(_load(file), model, json.loads(str(stored["losses"])))

    @cached_property
    def _marks(self) -> str:
        self.directory.mkdir(parents=True, exist_ok=True)
        return f"{data_hash(self.data)[:12]}-{code_version(dimerec_tf)}"

    def _file(self, config: Config) -> Path:
        name = f"{self.dataset}-{config.model.kind}-{config.seed}-{config.fingerprint()}-{self._marks}"
        return self.directory / f"{name}.npz"

    def _say_training(self, name: str, config: Config) -> None:
        self.say(f"{self.dataset}: training {name}, seed {config.seed}")


def run_benchmark(config: BenchConfig, kept: Path, say: Callable[[str], None]) -> dict[str, Runs]:
    """Every model with every seed on every data set.

    Args:
        config: what to run.
        kept: a directory for finished runs, see `KeptRuns`.
        say: is told what starts.

    Returns:
        Runs by data set and model, floors first.
    """
    return {dataset: _run_dataset(config, dataset, kept, say) for dataset in config.datasets}


def _run_dataset(config: BenchConfig, dataset: str, directory: Path, say: Callable[[str], None]) -> Runs:
    kept = KeptRuns(directory, dataset, config.datasets[dataset], config.evaluation, say)
    runs: Runs = {floor: [kept.benchmark.run_floor(floor)] for floor in FLOORS}
    for name, model in config.models_for(dataset).items():
        settings = config.run_config(dataset, model)
        runs[name] = [kept.run(name, settings.model_copy(update={"seed": seed})) for seed in config.seeds]
    return runs


def data_hash(data: DataConfig) -> str:
    """SHA-256 over the log's files in order of their names."""
    digest = sha256()
    for file in list_log_files(data.path):
        digest.update(Path(file).read_bytes())
    return digest.hexdigest()


def _keep(run: Run, config: Config, file: Path) -> None:
    facts = {name: value for name, value in vars(run).items() if name != "ranks"}
    _save(file, ranks=run.ranks, facts=json.dumps(facts), config=config.to_json())


def _save(file: Path, **arrays: Any) -> None:
    """Writes beside the place and moves there, so that a kill leaves no half a file."""
    temporary = file.with_suffix(".tmp.npz")
    np.savez(temporary, **arrays)
    temporary.rename(file)


def _load(file: Path) -> Run:
    with np.load(file) as stored:
        return Run(**json.loads(str(stored["facts"])), ranks=stored["ranks"])
