"""Measures a configuration over seeds on one split, floors through the same evaluator."""

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dimerec_tf.baselines.popularity import Popularity
from dimerec_tf.baselines.sequential_rules import SequentialRules
from dimerec_tf.config import Config
from dimerec_tf.data.splits import UserExample, load_splits
from dimerec_tf.data.vocabulary import Encoder
from dimerec_tf.evaluation.evaluator import retrieve, target_ranks
from dimerec_tf.metrics.lists import summarise_lists
from dimerec_tf.metrics.ranking import summarise as metrics_of
from dimerec_tf.retrieval.exact import ExactRetriever, ModelScorer, Scorer
from dimerec_tf.training.fit import fit
from dimerec_tf.training.sequences import Sequences

SplitResults = dict[str, Any]
SPLITS = ("eval", "test")


class Benchmark:
    """A log, split and encoded once."""

    def __init__(self, config: Config) -> None:
        self.config = config
        splits = load_splits(config.data)
        self.encoder = Encoder.from_training(splits.train, config.data.min_item_count)
        self.sequences = Sequences.from_lists(
            self.encoder.encode([*example.history, example.target]) for example in splits.train
        )
        self.counts = np.bincount(self.sequences.rows, minlength=self.encoder.num_items + 1)
        self.held_out: dict[str, list[UserExample]] = {"eval": splits.eval, "test": splits.test}

    def run_floor(self, name: str) -> SplitResults:
        """Measures `popularity` or `sequential_rules`."""
        started = time.monotonic()
        if name == "popularity":
            scorer: Scorer = Popularity.fit(self.sequences, self.encoder.num_items)
        else:
            scorer = SequentialRules.fit(self.sequences, self.encoder.num_items, self.config.evaluation.rules_window)
        return self._measure(scorer, self.config.seed, time.monotonic() - started)

    def run_model(self, seed: int) -> SplitResults:
        """Trains DimeRec with a seed and measures it."""
        started = time.monotonic()
        model = fit(self.config.model_copy(update={"seed": seed}), self.sequences, self.encoder.num_items)
        return self._measure(ModelScorer(model), seed, time.monotonic() - started)

    def _measure(self, scorer: Scorer, seed: int, seconds: float) -> SplitResults:
        evaluation = self.config.evaluation
        result: SplitResults = {"seed": seed, "train_seconds": round(seconds, 1)}
        for split in SPLITS:
            examples = self.held_out[split]
            histories = [self.encoder.encode(example.history) for example in examples]
            rows = retrieve(ExactRetriever(scorer), histories, evaluation.filter_seen, max(evaluation.top_k))
            targets = [self.encoder.row(example.target) for example in examples]
            result[split] = metrics_of(target_ranks(rows, targets), evaluation.top_k)
            if split == "test":
                result["lists"] = summarise_lists(rows, self.counts, evaluation.top_k)
        return result


def summarise(
    results: dict[str, list[SplitResults]], config: Config, preset: str, data_sha256: str, command: str
) -> list[dict[str, Any]]:
    """One row for each model: mean and standard deviation over seeds, accuracy in percent."""
    return [
        {
            "dataset": preset,
            "model": model,
            "preset": preset,
            "protocol": config.data.split.kind,
            "seen": "filtered" if config.evaluation.filter_seen else "unfiltered",
            "seeds": [run["seed"] for run in runs],
            "metrics": _spreads(runs, "test", scale=100.0),
            "validation": _spreads(runs, "eval", scale=100.0),
            "lists": _spreads(runs, "lists", scale=1.0),
            "train_seconds": float(np.mean([run["train_seconds"] for run in runs])),
            "config_hash": config.fingerprint(),
            "data_sha256": data_sha256,
            "command": command,
        }
        for model, runs in results.items()
    ]


def markdown_page(rows: list[dict[str, Any]]) -> str:
    """The rows as a Markdown page: where they come from, protocol, test table, validation table."""
    first = rows[0]
    seeds = max(len(row["seeds"]) for row in rows)
    return "\n".join(
        [
            f"# Accuracy on {first['dataset']}",
            "",
            f"Written by `{first['command']}`; not edited by hand. {first['protocol'].replace('_', '-').capitalize()}, "
            f"full catalogue, seen items {first['seen']}, in %; mean ± standard deviation over {seeds} seeds. The "
            f"configuration was chosen on the validation split. Data SHA-256 `{first['data_sha256'][:12]}`, "
            f"configuration `{first['config_hash']}`.",
            "",
            "## Test",
            "",
            *_table(rows, "metrics"),
            "",
            "## Validation",
            "",
            *_table(rows, "validation"),
            "",
            "## Lists (test)",
            "",
            "Share of the catalogue covered; self-information in bits; popularity against an average item's.",
            "",
            *_table(rows, "lists"),
            "",
        ]
    )


def _table(rows: list[dict[str, Any]], split: str) -> list[str]:
    names = list(rows[0][split])
    lines = ["| model | " + " | ".join(names) + " | training s |", "|---|" + "---|" * (len(names) + 1)]
    for row in rows:
        cells = [_cell(row[split][name], len(row["seeds"])) for name in names]
        lines.append(f"| {row['model']} | " + " | ".join(cells) + f" | {row['train_seconds']:.0f} |")
    return lines


def _cell(spread: dict[str, float], seeds: int) -> str:
    return f"{spread['mean']:.2f}" + (f" ± {spread['sd']:.2f}" if seeds > 1 else "")


def _spreads(runs: list[SplitResults], part: str, scale: float) -> dict[str, dict[str, float]]:
    return {name: _spread(scale * np.asarray([run[part][name] for run in runs])) for name in runs[0][part]}


def _spread(values: NDArray[np.float64]) -> dict[str, float]:
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
    return {"mean": round(float(values.mean()), 3), "sd": round(deviation, 3)}
