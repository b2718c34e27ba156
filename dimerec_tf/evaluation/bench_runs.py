"""Runs a benchmark; every finished run and epoch is kept, so that one started again goes on."""

import itertools
import json
import shutil
import time
from collections.abc import Callable
from datetime import timedelta
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

import dimerec_tf
from dimerec_tf.code_version import code_version
from dimerec_tf.config import Config, DataConfig, EvaluationConfig
from dimerec_tf.config_model import DimeRecConfig
from dimerec_tf.data.items import items_hash
from dimerec_tf.data.log_files import list_log_files
from dimerec_tf.evaluation.bench_config import BenchConfig, Comparison
from dimerec_tf.evaluation.benchmark import FLOORS, Benchmark, Run, Trained
from dimerec_tf.models.registry import build_model
from dimerec_tf.whole_files import whole_file

Runs = dict[str, list[Run]]
CODE = code_version(dimerec_tf)  # what was imported, also when files change while a benchmark runs


class KeptRuns:
    """Trained models and their accuracy on one data set; what is there already is found again.

    A training is known by its data, the configuration of model and training, and the code; a measurement by that of
    evaluation as well. Where the log lies does not count.

    Args:
        directory: where they are kept.
        dataset: what people call the data set.
        data: where its log is and how to split it; read when it is first needed.
        say: is told what starts.
        logs: where TensorBoard finds the curves of trainings, `<data set>/<model>/<seed>` below it; None for none.
    """

    def __init__(
        self,
        directory: Path,
        dataset: str,
        data: DataConfig,
        say: Callable[[str], None],
        logs: Path | None = None,
    ) -> None:
        self.directory, self.dataset, self.data = directory, dataset, data
        self.say, self.logs = say, logs

    @cached_property
    def benchmark(self) -> Benchmark:
        """The log, split and encoded."""
        self.say(f"{self.dataset}: reading {self.data.path}")
        benchmark = Benchmark(self.data)
        self.say(f"{self.dataset}: {benchmark.summary.sentence()}")
        return benchmark

    def run(self, name: str, config: Config) -> Run:
        """A model's accuracy; `name` is what people call the model."""
        file = self._file("run", settings_fingerprint(config), items_hash(self.data))
        if not file.exists():
            run = self.benchmark.measure(self.trained(name, config), config.evaluation)
            facts = {fact: value for fact, value in vars(run).items() if fact != "ranks"}
            _save(file, ranks=run.ranks, facts=json.dumps(facts), config=config.to_json())
        with np.load(file) as stored:
            return Run(**json.loads(str(stored["facts"])), ranks=stored["ranks"])

    def trained(self, name: str, config: Config) -> Trained:
        """A trained model; a training that was interrupted goes on after its last finished epoch."""
        file = self._file("model", training_fingerprint(config))
        checkpoint_dir = file.with_suffix(".checkpoint")
        if not file.exists():
            self.say(f"{self.dataset}: training {name}, seed {config.seed}")
            log_dir = self.logs / self.dataset / name / str(config.seed) if self.logs else None
            trained = self.benchmark.train(config, checkpoint_dir, log_dir)
            weights = {str(index): weight for index, weight in enumerate(trained.model.get_weights())}
            _save(file, facts=json.dumps({"losses": trained.losses, "seconds": trained.seconds}), **weights)
        shutil.rmtree(checkpoint_dir, ignore_errors=True)
        model = build_model(config.model, self.benchmark.counts, config.seed)
        with np.load(file) as stored:
            model.set_weights([stored[str(index)] for index in range(len(stored.files) - 1)])
            return Trained(model, **json.loads(str(stored["facts"])))

    @cached_property
    def _marks(self) -> str:
        self.directory.mkdir(parents=True, exist_ok=True)
        return f"{data_hash(self.data)[:12]}-{CODE}"

    def _file(self, what: str, *fingerprints: str) -> Path:
        return self.directory / f"{'-'.join(filter(None, [self.dataset, what, *fingerprints, self._marks]))}.npz"


def settings_fingerprint(config: Config) -> str:
    """`Config.fingerprint`, wherever the files lie."""
    data = config.data.model_copy(update={"path": "", "items_path": ""})
    return config.model_copy(update={"data": data}).fingerprint()


def training_fingerprint(config: Config) -> str:
    """The same of what a training depends on alone; how a model is measured or asked is put at its default.

    Validation within a training leaves seen items out or not as the measurement does.
    """
    model = config.model
    if isinstance(model, DimeRecConfig):
        model = model.model_copy(update={"retrieval": "next_interest"})
    # Copied, not built: without its losses DAM must not be asked, and nobody asks this one.
    kept = {"seed": config.seed, "data": config.data, "model": model, "training": config.training}
    if config.training.validation:
        kept["evaluation"] = EvaluationConfig(filter_seen=config.evaluation.filter_seen)
    return settings_fingerprint(Config().model_copy(update=kept))


def run_benchmark(
    config: BenchConfig, kept: Path, say: Callable[[str], None], logs: Path | None = None
) -> dict[Comparison, Runs]:
    """Every model with every seed on every data set, measured with seen items left out and kept.

    Args:
        config: what to run.
        kept: a directory for finished runs, see `KeptRuns`.
        say: is told what starts, and how many runs there are.
        logs: see `KeptRuns`.

    Returns:
        Runs by comparison and model, floors first.
    """
    results: dict[Comparison, Runs] = {}
    started, numbers = time.monotonic(), itertools.count(1)
    total = sum(len(config.models_for(dataset)) for dataset in config.datasets) * len(config.seeds)
    for dataset, data in config.datasets.items():
        kept_runs = KeptRuns(kept, dataset, data, say, logs)
        both = [Comparison(dataset, filter_seen) for filter_seen in (True, False)]
        for comparison in both:
            evaluation = config.evaluation_of(comparison)
            results[comparison] = {floor: [kept_runs.benchmark.run_floor(floor, evaluation)] for floor in FLOORS}
        for (name, model), seed in itertools.product(config.models_for(dataset).items(), config.seeds):
            elapsed = timedelta(seconds=round(time.monotonic() - started))
            say(f"Run {next(numbers)} of {total} after {elapsed}: {dataset}, {name}, seed {seed}")
            for comparison in both:
                settings = config.run_config(comparison, model).model_copy(update={"seed": seed})
                results[comparison].setdefault(name, []).append(kept_runs.run(name, settings))
    return results


def data_hash(data: DataConfig) -> str:
    """SHA-256 over the log's files in order of their names."""
    digest = sha256()
    for file in list_log_files(data.path):
        digest.update(Path(file).read_bytes())
    return digest.hexdigest()


def _save(file: Path, **arrays: Any) -> None:
    with whole_file(file) as unfinished:
        np.savez(unfinished, **arrays)
