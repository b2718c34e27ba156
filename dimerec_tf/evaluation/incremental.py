"""A warm start against a training from scratch, on one log that has grown."""

import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from dimerec_tf.config import Config
from dimerec_tf.config_data import DataConfig, SplitConfig
from dimerec_tf.config_warm_start import WarmStartConfig
from dimerec_tf.data.boundaries import TimeCounts
from dimerec_tf.data.protocols import UserExample
from dimerec_tf.data.rejects import RejectedRows
from dimerec_tf.data.splits import load_users
from dimerec_tf.evaluation.bench_report import spread
from dimerec_tf.evaluation.bench_runs import KeptRuns, data_hash, settings_fingerprint
from dimerec_tf.evaluation.benchmark import Benchmark, Run, Trained
from dimerec_tf.evaluation.json_rows import Row
from dimerec_tf.export.load import load_model
from dimerec_tf.export.save import save_exact
from dimerec_tf.retrieval.exact import ModelScorer
from dimerec_tf.training.warm_start import WarmStart, shortened

MODELS = ("previous", "from_scratch", "warm_start")
METRICS = ("HR@10", "NDCG@10")


class Yesterday(Benchmark):
    """Asks the test cases of a log after training on the earlier part of its training events alone.

    Args:
        data: split by leave-one-out.
        new: the share of the training events, the latest by time, that is left out.
    """

    def __init__(self, data: DataConfig, new: float) -> None:
        super().__init__(data)
        users, _ = load_users(data, RejectedRows(None))
        trained_on = [len(user.items) - 2 if len(user.items) > 2 else len(user.items) for user in users]
        times = [user.times[:end] for user, end in zip(users, trained_on, strict=True)]
        now = TimeCounts.of(np.concatenate(times)).quantile(1 - new)
        ends = [int(np.searchsorted(of_user, now)) for of_user in times]
        self.learn_from(
            [
                UserExample(user.user_id, user.items[: end - 1], user.items[end - 1 : end])
                for user, end in zip(users, ends, strict=True)
                if end
            ]
        )


class Incremental:
    """A log that has grown, split by leave-one-out: yesterday's model and today's ones, on the same test cases.

    Args:
        config: what to train; without a `warm_start` it has the default one.
        dataset: what people call the data set.
        new: see `Yesterday`; today's log has all training events.
        kept: a directory for finished trainings from scratch, see `KeptRuns`.
        say: is told what starts.
    """

    def __init__(self, config: Config, dataset: str, new: float, kept: Path, say: Callable[[str], None]) -> None:
        data = config.data.model_copy(update={"split": SplitConfig()})
        warm_start = config.warm_start or WarmStartConfig()
        self.config = config.model_copy(update={"data": data, "warm_start": warm_start})
        self.dataset, self.new, self.say = dataset, new, say
        self.today = KeptRuns(kept, dataset, data, say)
        self.yesterday = KeptRuns(kept, f"{dataset}-without-{new:g}", data, say)
        self.yesterday.benchmark = Yesterday(data, new)

    def run(self, seed: int) -> dict[str, Run]:
        """One of each of `MODELS`."""
        config = self.config.model_copy(update={"seed": seed})
        previous = self.yesterday.trained("yesterday's model", config)
        warm = self._warm_start(config, previous)
        return {
            "previous": self.yesterday.benchmark.measure(previous, config.evaluation),
            "from_scratch": self.today.run("today's model", config),
            "warm_start": self.today.benchmark.measure(warm, config.evaluation),
        }

    def _warm_start(self, config: Config, previous: Trained) -> Trained:
        """Trained from an export, as the pipeline does; its seconds include reading it."""
        self.say(f"{self.dataset}: warm start, seed {config.seed}")
        today = self.today.benchmark
        with TemporaryDirectory() as folder:
            vocabulary, export = Path(folder) / "items", Path(folder) / "export"
            self.yesterday.benchmark.encoder.save(vocabulary)
            save_exact(ModelScorer(previous.model), vocabulary, config, export)
            started = time.monotonic()
            start = WarmStart(load_model(export), config, today.encoder.ids)
            loading = time.monotonic() - started
            trained = today.train(shortened(config), Path(folder) / "checkpoint", start=start)
        return Trained(trained.model, trained.losses, trained.seconds + loading)

    def row(self, runs: list[dict[str, Run]], command: str) -> Row:
        """Mean and standard deviation over seeds, accuracy in percent; `ndcg_ratio` and `seconds_ratio` are the warm
        start's means over those of training from scratch.
        """
        of_models = {model: _summary([of_seed[model] for of_seed in runs]) for model in MODELS}
        warm, scratch = of_models["warm_start"], of_models["from_scratch"]
        warm_start = self.config.warm_start
        assert warm_start
        return {
            "dataset": self.dataset,
            "new_events": self.new,
            "new_items": self.today.benchmark.encoder.num_items - self.yesterday.benchmark.encoder.num_items,
            "seeds": len(runs),
            "models": of_models,
            "ndcg_ratio": round(warm["NDCG@10"]["mean"] / scratch["NDCG@10"]["mean"], 4),
            "seconds_ratio": round(warm["train_seconds"]["mean"] / scratch["train_seconds"]["mean"], 4),
            "warm_start": warm_start.model_dump(mode="json", exclude={"previous"}),
            "config_hash": settings_fingerprint(self.config),
            "data_sha256": data_hash(self.config.data),
            "command": command,
        }


def _summary(runs: list[Run]) -> dict[str, dict[str, float]]:
    accuracy = {metric: spread(np.array([100 * run.metrics[metric] for run in runs])) for metric in METRICS}
    return {**accuracy, "train_seconds": spread(np.array([run.train_seconds for run in runs]))}
