"""Runs a benchmark; every finished run is kept, so that one started again goes on."""

import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import numpy as np

import dimerec_tf
from dimerec_tf.code_version import code_version
from dimerec_tf.config import Config, DataConfig
from dimerec_tf.data.log_reader import list_log_files
from dimerec_tf.evaluation.bench_config import BenchConfig
from dimerec_tf.evaluation.benchmark import FLOORS, Benchmark, Run

Runs = dict[str, list[Run]]


def run_benchmark(config: BenchConfig, kept: Path, say: Callable[[str], None]) -> dict[str, Runs]:
    """Every model with every seed on every data set.

    Args:
        config: what to run.
        kept: a directory for finished runs. One is found again by its data, configuration and code.
        say: is told what starts.

    Returns:
        Runs by data set and model, floors first.
    """
    kept.mkdir(parents=True, exist_ok=True)
    return {dataset: _run_dataset(config, dataset, kept, say) for dataset in config.datasets}


def _run_dataset(config: BenchConfig, dataset: str, kept: Path, say: Callable[[str], None]) -> Runs:
    data = config.datasets[dataset]
    say(f"{dataset}: reading {data.path}")
    benchmark = Benchmark(data, config.evaluation)
    runs: Runs = {floor: [benchmark.run_floor(floor)] for floor in FLOORS}
    marks = f"{_mark(data)}-{code_version(dimerec_tf)}"
    for name, model in config.models_for(dataset).items():
        runs[name] = []
        for seed in config.seeds:
            settings = config.run_config(dataset, model).model_copy(update={"seed": seed})
            file = kept / f"{dataset}-{name}-{seed}-{settings.fingerprint()}-{marks}.npz"
            if not file.exists():
                say(f"{dataset}: training {name}, seed {seed}")
                _keep(benchmark.run_model(settings), settings, file)
            runs[name].append(_load(file))
    return runs


def data_hash(data: DataConfig) -> str:
    """SHA-256 over the log's files in order of their names."""
    digest = sha256()
    for file in list_log_files(data.path):
        digest.update(Path(file).read_bytes())
    return digest.hexdigest()


def _mark(data: DataConfig) -> str:
    """Of the content of the log and of the item file, if there is one."""
    items = f"-{sha256(Path(data.items_path).read_bytes()).hexdigest()[:12]}" if data.items_path else ""
    return data_hash(data)[:12] + items


def _keep(run: Run, config: Config, file: Path) -> None:
    """Writes beside the place and moves there, so that a kill leaves no half a run."""
    facts = {name: value for name, value in vars(run).items() if name != "ranks"}
    temporary = file.with_suffix(".tmp.npz")
    np.savez(temporary, ranks=run.ranks, facts=json.dumps(facts), config=config.to_json())
    temporary.rename(file)


def _load(file: Path) -> Run:
    with np.load(file) as stored:
        return Run(**json.loads(str(stored["facts"])), ranks=stored["ranks"])
