"""A warm start against the model it starts from and a training from scratch, on one log that has grown."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dimerec_tf.config import Config
from dimerec_tf.config_data import DataConfig, SplitConfig
from dimerec_tf.config_warm_start import WarmStartConfig
from dimerec_tf.data.boundaries import TimeCounts, resolve_boundaries
from dimerec_tf.data.protocols import UserEvents, UserExample
from dimerec_tf.data.rejects import RejectedRows
from dimerec_tf.data.splits import load_users
from dimerec_tf.evaluation.bench_report import paired_p_value, spread
from dimerec_tf.evaluation.bench_runs import KeptRuns, data_hash, settings_fingerprint
from dimerec_tf.evaluation.benchmark import Benchmark, Run, Trained
from dimerec_tf.evaluation.json_rows import Row
from dimerec_tf.export.load import load_model
from dimerec_tf.export.save import save_exact
from dimerec_tf.metrics.ranking import ndcg_by_case
from dimerec_tf.retrieval.exact import ModelScorer
from dimerec_tf.training.warm_start import WarmStart, shortened

SPLIT: Literal["global_time"] = "global_time"
MODELS = ("previous", "from_scratch", "warm_start")
METRICS = ("HR@10", "NDCG@10")


class EventByEvent(Benchmark):
    """A log split by time: every event of a later period has to be predicted from all earlier events of its user.

    That is what a server is asked until the next training: its model knows the events of one day, requests bring what
    users have done since.

    Args:
        data: with a split by `global_time`.
        without: the share of the training events, the latest by time, that is not learned from.
    """

    def __init__(self, data: DataConfig, without: float = 0.0) -> None:
        super().__init__(data)
        users, times = load_users(data, RejectedRows(None))
        boundaries = resolve_boundaries(data.split, times)
        self.eval = _next_events(users, boundaries.eval_from, boundaries.test_from)
        self.test = _next_events(users, boundaries.test_from, None)
        if without:
            training = [user.times[: np.searchsorted(user.times, boundaries.eval_from)] for user in users]
            now = TimeCounts.of(np.concatenate(training)).quantile(1 - without)
            self.learn_from(_training_before(users, now))


def _next_events(users: Sequence[UserEvents], start: Any, end: Any | None) -> list[UserExample]:
    """Every event in `[start, end)` as a target, but a user's first one, which nothing comes before."""
    examples = []
    for user in users:
        first = int(np.searchsorted(user.times, start))
        last = len(user.times) if end is None else int(np.searchsorted(user.times, end))
        examples += [UserExample(user.user_id, user.items[:at], [user.items[at]]) for at in range(max(first, 1), last)]
    return examples


def _training_before(users: Sequence[UserEvents], now: Any) -> list[UserExample]:
    ends = [int(np.searchsorted(user.times, now)) for user in users]
    return [
        UserExample(user.user_id, user.items[: end - 1], user.items[end - 1 : end])
        for user, end in zip(users, ends, strict=True)
        if end
    ]


class Incremental:
    """A log that has grown: yesterday's model and today's ones, on the same later events, see `EventByEvent`.

    Args:
        config: what to train; without a `warm_start` it has the default one, without a split by time that one's
            default boundaries.
        dataset: what people call the data set.
        new: the share of the training events, the latest by time, that yesterday's model lacks.
        kept: a directory for finished trainings from scratch, see `KeptRuns`.
        say: is told what starts.
    """

    def __init__(self, config: Config, dataset: str, new: float, kept: Path, say: Callable[[str], None]) -> None:
        by_time = config.data.split if config.data.split.kind == SPLIT else SplitConfig(kind=SPLIT)
        data = config.data.model_copy(update={"split": by_time})
        warm_start = config.warm_start or WarmStartConfig()
        self.config = config.model_copy(update={"data": data, "warm_start": warm_start})
        self.dataset, self.new, self.say = dataset, new, say
        self.today = KeptRuns(kept, f"{dataset}-event-by-event", data, say)
        self.yesterday = KeptRuns(kept, f"{dataset}-event-by-event-without-{new:g}", data, say)
        self.today.benchmark, self.yesterday.benchmark = EventByEvent(data), EventByEvent(data, new)

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
        """Mean and standard deviation over seeds, accuracy in percent.

        `ndcg_ratio` and `seconds_ratio` are the warm start's means over those of training from scratch, `ndcg_gain`
        is its mean NDCG@10 above that of the model it starts from, in percentage points, and `p_value` that of a
        paired t-test between the two over users, each the mean of a user's cases and of seeds.
        """
        of_models = {model: _summary([of_seed[model] for of_seed in runs]) for model in MODELS}
        warm, scratch = of_models["warm_start"], of_models["from_scratch"]
        ours, theirs = ([of_seed[model] for of_seed in runs] for model in ("warm_start", "previous"))
        warm_start = self.config.warm_start
        assert warm_start
        return {
            "dataset": self.dataset,
            "protocol": f"{SPLIT.replace('_', '-')}, every later event",
            "cases": len(self.today.benchmark.test),
            "new_events": self.new,
            "new_items": self.today.benchmark.encoder.num_items - self.yesterday.benchmark.encoder.num_items,
            "seeds": len(runs),
            "models": of_models,
            "ndcg_ratio": round(warm["NDCG@10"]["mean"] / scratch["NDCG@10"]["mean"], 4),
            "ndcg_gain": round(warm["NDCG@10"]["mean"] - of_models["previous"]["NDCG@10"]["mean"], 3),
            "p_value": paired_p_value(self._by_user(ours), self._by_user(theirs)),
            "seconds_ratio": round(warm["train_seconds"]["mean"] / scratch["train_seconds"]["mean"], 4),
            "warm_start": warm_start.model_dump(mode="json", exclude={"previous"}),
            "config_hash": settings_fingerprint(self.config),
            "data_sha256": data_hash(self.config.data),
            "command": command,
        }

    def _by_user(self, runs: list[Run]) -> NDArray[np.float64]:
        """NDCG@10 of each test user, the mean of the user's cases and of seeds. [users]"""
        of_cases = np.mean([ndcg_by_case(run.ranks, 10) for run in runs], axis=0)
        users = [case.user_id for case in self.today.benchmark.test]
        return pd.Series(of_cases).groupby(users).mean().to_numpy()


def _summary(runs: list[Run]) -> dict[str, dict[str, float]]:
    accuracy = {metric: spread(np.array([100 * run.metrics[metric] for run in runs])) for metric in METRICS}
    return {**accuracy, "train_seconds": spread(np.array([run.train_seconds for run in runs]))}
