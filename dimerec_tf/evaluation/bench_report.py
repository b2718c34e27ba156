"""The outcome of a benchmark as rows for programs and as a Markdown page for people."""

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from dimerec_tf.evaluation.bench_config import BenchConfig, Comparison
from dimerec_tf.evaluation.bench_runs import Runs, data_hash, settings_fingerprint
from dimerec_tf.evaluation.benchmark import FLOORS, Run
from dimerec_tf.evaluation.json_rows import Row
from dimerec_tf.metrics.ranking import ndcg_by_case

CHOSEN_BY = "NDCG@10"


def report_rows(config: BenchConfig, results: dict[Comparison, Runs], command: str) -> list[Row]:
    """One row for each model in each comparison: mean and standard deviation over seeds, accuracy in percent.

    `p_values` are those of paired t-tests over test cases' NDCG@10, averaged over seeds, of a DimeRec against the
    model of another kind that is best on validation (`best_baseline`) and against every other DimeRec.
    """
    rows = []
    for comparison, runs in results.items():
        best = best_baseline(config, runs)
        sha256 = data_hash(config.datasets[comparison.dataset])
        for name, of_model in runs.items():
            rows.append(
                {
                    "dataset": comparison.dataset,
                    "model": name,
                    "preset": name,
                    "protocol": config.datasets[comparison.dataset].split.protocol,
                    "seen": "filtered" if comparison.filter_seen else "unfiltered",
                    "diversity_weight": config.evaluation.diversity_weight,
                    "seeds": list(config.seeds) if name not in FLOORS else [],
                    "metrics": _spreads([run.metrics for run in of_model], 100),
                    "validation": _spreads([run.validation for run in of_model], 100),
                    "lists": _spreads([run.lists for run in of_model], 1),
                    "p_values": _p_values(config, runs, name, best),
                    "best_baseline": best,
                    "train_seconds": float(np.mean([run.train_seconds for run in of_model])),
                    "parameters": of_model[0].parameters,
                    "config_hash": _config_hash(config, comparison, name),
                    "data_sha256": sha256,
                    "command": command,
                }
            )
    return rows


def _p_values(config: BenchConfig, runs: Runs, name: str, best: str) -> dict[str, float]:
    if not _is_ours(config, name):
        return {}
    others = [best, *(other for other in runs if other != name and _is_ours(config, other))]
    return {other: paired_p_value(_gains(runs[name]), _gains(runs[other])) for other in others}


def _is_ours(config: BenchConfig, name: str) -> bool:
    return name not in FLOORS and config.models[name].model.kind == "dimerec"


def best_baseline(config: BenchConfig, runs: Runs) -> str:
    """The floor or baseline with the best mean NDCG@10 on validation."""
    others = [name for name in runs if not _is_ours(config, name)]
    return max(others, key=lambda name: np.mean([run.validation[CHOSEN_BY] for run in runs[name]]))


def paired_p_value(ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> float:
    """Two-sided paired t-test over test cases; 1 where the two never differ."""
    if np.array_equal(ours, theirs):
        return 1.0
    return float(stats.ttest_rel(ours, theirs).pvalue)


def markdown_page(rows: list[Row]) -> str:
    """A section for each data set: where it comes from, test, validation and lists."""
    lines = [
        "# Accuracy",
        "",
        "Not edited by hand: each section names the command that wrote it. Full catalogue, in %, mean ± standard "
        "deviation over seeds; what was chosen was chosen on the validation split. p: paired t-test over test cases' "
        "NDCG@10 against the best baseline, and against the other DimeRecs.",
    ]
    for key in dict.fromkeys((row["dataset"], row["seen"]) for row in rows):
        lines += _section([row for row in rows if (row["dataset"], row["seen"]) == key])
    return "\n".join(lines) + "\n"


def _section(rows: list[Row]) -> list[str]:
    first = rows[0]
    seeds = max(len(row["seeds"]) for row in rows)
    diverse = f", diversity weight {first['diversity_weight']:g}" if first["diversity_weight"] else ""
    return [
        "",
        f"## {first['dataset']}, seen items {first['seen']}",
        "",
        f"{first['protocol'].capitalize()}, seen items {first['seen']}{diverse}, {seeds} seeds, "
        f"data SHA-256 `{first['data_sha256'][:12]}`, best baseline {first['best_baseline']}. "
        f"Written by `{first['command']}`.",
        "",
        "Test:",
        "",
        *_table(rows, "metrics", with_facts=True),
        "",
        "Validation:",
        "",
        *_table(rows, "validation"),
        "",
        "Lists (test): share of the catalogue covered, self-information in bits, popularity against an average item's; "
        "where items have categories, how many of them a list has and how far apart its items are (Jaccard distance):",
        "",
        *_table(rows, "lists"),
    ]


def _table(rows: list[Row], part: str, with_facts: bool = False) -> list[str]:
    names = list(rows[0][part])
    facts = ["p", "training s", "parameters", "configuration"] if with_facts else []
    lines = ["| " + " | ".join(["model", *names, *facts]) + " |", "|---" * (1 + len(names) + len(facts)) + "|"]
    for row in rows:
        cells = [row["model"], *(_cell(row[part][name], len(row["seeds"])) for name in names)]
        if with_facts:
            p_values = ", ".join(f"{other} {value:.2g}" for other, value in row["p_values"].items())
            cells += [p_values, f"{row['train_seconds']:.0f}", f"{row['parameters']:,}", f"`{row['config_hash']}`"]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def _cell(spread: dict[str, float], seeds: int) -> str:
    return f"{spread['mean']:.2f}" + (f" ± {spread['sd']:.2f}" if seeds > 1 else "")


def _config_hash(config: BenchConfig, comparison: Comparison, name: str) -> str:
    return "" if name in FLOORS else settings_fingerprint(config.run_config(comparison, config.models[name]))


def _gains(runs: list[Run]) -> NDArray[np.float64]:
    """Each test case's NDCG@10, averaged over seeds."""
    return np.mean([ndcg_by_case(run.ranks, 10) for run in runs], axis=0)


def _spreads(runs: list[dict[str, float]], scale: float) -> dict[str, dict[str, float]]:
    return {name: _spread(scale * np.asarray([run[name] for run in runs])) for name in runs[0]}


def _spread(values: NDArray[np.float64]) -> dict[str, float]:
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
    return {"mean": round(float(values.mean()), 3), "sd": round(deviation, 3)}
