"""The search without TFX: on a log in memory."""

from collections.abc import Callable
from pathlib import Path

from dimerec_tf.config import Config
from dimerec_tf.config_tuning import OBJECTIVE
from dimerec_tf.data.items import items_hash
from dimerec_tf.evaluation.bench_runs import CODE, data_hash
from dimerec_tf.evaluation.benchmark import Benchmark
from dimerec_tf.tuning.search import Search


def library_search(config: Config, kept: Path, say: Callable[[str], None]) -> Search:
    """A search on the configured log, whose results are kept below `kept` by configuration, data and code.

    Raises:
        LogError: the log cannot be used.
        ItemsError: there is a file of categories and it cannot be used.
    """
    benchmark = Benchmark(config.data)

    def validate(trial: Config, checkpoint_dir: Path) -> float:
        return benchmark.validate(benchmark.train(trial, checkpoint_dir).model, trial.evaluation)[OBJECTIVE]

    marks = (data_hash(config.data)[:12], items_hash(config.data), CODE)
    return Search(config, kept / "-".join(filter(None, marks)), validate, say)
