"""The search without TFX: on a log in memory."""

from collections.abc import Callable
from pathlib import Path

import dimerec_tf
from dimerec_tf.code_version import code_version
from dimerec_tf.config import Config
from dimerec_tf.config_tuning import TuningConfig
from dimerec_tf.evaluation.bench_runs import data_hash, settings_fingerprint
from dimerec_tf.evaluation.benchmark import Benchmark
from dimerec_tf.tuning.search import Metrics, Search


def library_search(config: Config, tuning: TuningConfig, kept: Path, say: Callable[[str], None]) -> Search:
    """A search on the configured log, kept in a directory of its data, configuration, space and code below `kept`.

    Raises:
        ConfigError: the space does not fit the configuration.
        LogError: the log cannot be used.
    """
    benchmark = Benchmark(config.data)
    asked = config.model_copy(update={"tuning": tuning.model_copy(update={"trials": 1})})
    marks = f"{settings_fingerprint(asked)}-{data_hash(config.data)[:12]}-{code_version(dimerec_tf)}"

    def validate(trial: Config, checkpoint_dir: Path) -> Metrics:
        return benchmark.validate(benchmark.train(trial, checkpoint_dir).model, config.evaluation)

    return Search(config, tuning, kept / "trials" / marks, validate, say)
