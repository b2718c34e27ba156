"""The outcome of a benchmark as rows for programs."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from dimerec_tf.config import Config
from dimerec_tf.evaluation.bench_config import BenchConfig, Comparison
from dimerec_tf.evaluation.bench_runs import Runs, data_hash, settings_fingerprint
from dimerec_tf.evaluation.benchmark import FLOORS
from dimerec_tf.evaluation.json_rows import Row
from dimerec_tf.metrics.ranking import ndcg_by_case

CHOSEN_BY = "NDCG@10"
MODEL_KEYS = ("dataset", "protocol", "seen", "diversity_weight", "model")  # one row for each
SECTION_KEYS = ("dataset", "protocol", "seen", "diversity_weight", "data_sha256")  # rows alike in these are comparable


def report_rows(config: BenchConfig, results: dict[Comparison, Runs], command: str) -> list[Row]:
    """One row for each model in each comparison: mean and standard deviation over seeds, accuracy in percent.

    `p_values` are those of paired t-tests over test cases' NDCG@10, averaged over seeds, of a DimeRec against the
    model of another kind that is best on validation (`best_baseline`, first) and against every other DimeRec;
    `differences` are the tests' mean differences in percentage points, above 0 where the row's model is better.
    """
    rows = []
    for comparison, runs in results.items():
        best = best_baseline(config, runs)
        data = config.datasets[comparison.dataset]
        sha256 = data_hash(data)
        for name, of_model in runs.items():
            opponents = _opponents(config, runs, name, best)
            rows.append(
                {
                    "dataset": comparison.dataset,
                    "model": name,
                    "preset": None if name in FLOORS else config.models[name].preset,
                    "protocol": data.split.protocol,
                    "seen": "filtered" if comparison.filter_seen else "unfiltered",
                    "diversity_weight": config.evaluation.diversity_weight,
                    "seeds": list(config.seeds) if name not in FLOORS else [],
                    "metrics": _spreads([run.metrics for run in of_model], 100),
                    "validation": _spreads([run.validation for run in of_model], 100),
                    "lists": _spreads([run.lists for run in of_model], 1),
                    "p_values": {other: paired_p_value(*_gains(runs, name, other)) for other in opponents},
                    "differences": {other: _difference(*_gains(runs, name, other)) for other in opponents},
                    "best_baseline": best,
                    "train_seconds": float(np.mean([run.train_seconds for run in of_model])),
                    "parameters": of_model[0].parameters,
                    **_configuration(config, comparison, name),
                    "data_sha256": sha256,
                    "command": command,
                }
            )
    return rows


def best_baseline(config: BenchConfig, runs: Runs) -> str:
    """The floor or baseline with the best mean NDCG@10 on validation."""
    others = [name for name in runs if not _is_ours(config, name)]
    return max(others, key=lambda name: np.mean([run.validation[CHOSEN_BY] for run in runs[name]]))


def paired_p_value(ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> float:
    """Two-sided paired t-test over test cases; 1 where the two never differ."""
    if np.array_equal(ours, theirs):
        return 1.0
    return float(stats.ttest_rel(ours, theirs).pvalue)


def _opponents(config: BenchConfig, runs: Runs, name: str, best: str) -> list[str]:
    if not _is_ours(config, name):
        return []
    return [best, *(other for other in runs if other != name and _is_ours(config, other))]


def _is_ours(config: BenchConfig, name: str) -> bool:
    return name not in FLOORS and config.models[name].model.kind == "dimerec"


def _gains(runs: Runs, *names: str) -> list[NDArray[np.float64]]:
    """Of each model, every test case's NDCG@10, averaged over seeds."""
    return [np.mean([ndcg_by_case(run.ranks, 10) for run in runs[name]], axis=0) for name in names]


def _difference(ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> float:
    return round(100 * float(np.mean(ours - theirs)), 3)


def _configuration(config: BenchConfig, comparison: Comparison, name: str) -> dict[str, Any]:
    """What was configured, without the seed and where files lie, and the hash of it; a floor has data and evaluation
    alone.
    """
    if name in FLOORS:
        floor = Config(data=config.datasets[comparison.dataset], evaluation=config.evaluation_of(comparison))
        return {"config": _nested(floor, include={"data", "evaluation"}), "config_hash": ""}
    settings = config.run_config(comparison, config.models[name])
    return {"config": _nested(settings), "config_hash": settings_fingerprint(settings)}


def _nested(config: Config, include: set[str] | None = None) -> dict[str, Any]:
    return config.model_dump(mode="json", include=include, exclude={"seed": True, "data": {"path", "items_path"}})


def _spreads(runs: list[dict[str, float]], scale: float) -> dict[str, dict[str, float]]:
    return {name: spread(scale * np.asarray([run[name] for run in runs])) for name in runs[0]}


def spread(values: NDArray[np.float64]) -> dict[str, float]:
    """Mean and standard deviation over seeds, 0 for one."""
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
    return {"mean": round(float(values.mean()), 3), "sd": round(deviation, 3)}
