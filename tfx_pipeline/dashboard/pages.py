"""The pages' content: what each template is given, by the page's name."""

from typing import Any, NamedTuple

from tensorflow_model_analysis.slicer.slicer_lib import SingleSliceSpec
from tensorflow_model_analysis.view import util

from dimerec_tf.features import HISTORY, TARGET
from tfx_pipeline.dashboard import figures, measured
from tfx_pipeline.dashboard.answers import SHOWN, SampleUser, index_facts, read_record, sample_users
from tfx_pipeline.dashboard.measured import BASELINE, CANDIDATE, DIFFERENCE, Estimate, Estimates
from tfx_pipeline.dashboard.runs import MODELS, PipelineRun
from tfx_pipeline.dashboard.statistics import describe, drifts
from tfx_pipeline.pipeline import MODEL

LAST_BLESSED = "last blessed"
SHARES = ("HR", "NDCG", "MRR", "Recall", "coverage")
# What a table calls a metric, and how many digits it shows.
LABELS = {
    "HR": "HR, %",
    "NDCG": "NDCG, %",
    "MRR": "MRR, %",
    "coverage": "coverage, %",
    "novelty": "novelty, bits",
    "popularity_bias": "popularity bias",
    "categories": "categories",
    "diversity": "diversity",
}

Page = dict[str, Any]


class Cell(NamedTuple):
    """A value as text, with its interval if it has one."""

    value: str
    interval: str = ""


def overview(run: PipelineRun) -> Page:
    """The newest run's verdict, every metric of every model, and its exports."""
    result = measured.load(run.evaluations[MODEL], CANDIDATE if _compared(run) else None)
    by_model = _by_model(run)
    record = read_record(run.models[MODEL])
    top_k = record["config"]["evaluation"]["top_k"]
    return {
        "run": run,
        "items": record["items"],
        "examples": int(measured.estimates(result)["example_count"].value),
        "seen": "seen items filtered" if record["config"]["evaluation"]["filter_seen"] else "seen items kept",
        "top_k": top_k,
        "tables": {k: _table(by_model, k) for k in top_k},
        "differences": _differences(measured.estimates(result), 10),
        "figures": {name: figures.intervals(name, by_model) for name in ("HR@10", "NDCG@10")},
        "exports": index_facts(run),
    }


def slices(run: PipelineRun) -> Page:
    """TFMA's slicing view of each model by each feature."""
    results = {model: measured.load(path, _candidate(run, model)) for model, path in run.evaluations.items()}
    features = measured.slices_of(results[MODEL])
    return {
        "models": list(reversed(MODELS)),
        "features": features,
        "data": {
            "config": measured.slicing_config(results[MODEL]),
            "views": {
                model: {feature: measured.slicing_view(result, feature) for feature in features}
                for model, result in results.items()
            },
        },
    }


def over_time(runs: list[PipelineRun]) -> Page:
    """Every run's verdict and accuracy, and TFMA's view of the model's metrics as a series."""
    series = {
        model: [measured.estimates(measured.load(run.evaluations[model], _candidate(run, model))) for run in runs]
        for model in MODELS
    }
    names = [run.name for run in runs]
    metrics = ("HR@10", "NDCG@10")
    return {
        "rows": [
            (run, [_cell(name, of_model[name]) for name in metrics])
            for run, of_model in zip(runs, series[MODEL], strict=True)
        ],
        "metrics": metrics,
        "figures": {
            name: figures.over_runs(name, names, {model: [each[name] for each in of] for model, of in series.items()})
            for name in metrics
        },
        "data": {"config": {"isModelCentric": True}, "series": [_of_series(run) for run in runs]},
    }


def data(run: PipelineRun, previous: PipelineRun | None, titles: dict[str, str]) -> Page:
    """TFDV's statistics of the splits and their distances."""
    features = describe(run.statistics)
    return {
        "features": features,
        "drifts": drifts(run.statistics, previous.statistics if previous else None),
        "figures": {
            "lengths": figures.history_lengths([feature for feature in features if feature.name == HISTORY]),
            **{
                f"top-{feature.split}": figures.top_values(feature, titles)
                for feature in features
                if feature.name == TARGET
            },
        },
    }


def users(run: PipelineRun, titles: dict[str, str]) -> Page:
    """Sample users' latest events beside what each model recommends next."""
    return {"users": [_user(sample, titles) for sample in sample_users(run)], "models": list(reversed(MODELS))}


def _user(sample: SampleUser, titles: dict[str, str]) -> Page:
    def named(items: list[str]) -> list[tuple[str, bool]]:
        return [(titles.get(item, item), item in sample.example.targets) for item in items]

    return {
        "id": sample.example.user_id,
        "events": len(sample.example.history),
        "latest": named(sample.example.history[: -SHOWN - 1 : -1]),
        "targets": named(sample.example.targets),
        "recommended": {model: named(items) for model, items in sample.recommended.items()},
    }


def _compared(run: PipelineRun) -> bool:
    return measured.has_baseline(measured.load(run.evaluations[MODEL]))


def _candidate(run: PipelineRun, model: str) -> str | None:
    """TFMA's name of a model in its evaluation."""
    return CANDIDATE if model == MODEL and _compared(run) else None


def _by_model(run: PipelineRun) -> dict[str, Estimates]:
    """Values of the floors, of the last blessed model if there was one, and of the model."""
    results = {
        model: measured.estimates(measured.load(run.evaluations[model], _candidate(run, model))) for model in MODELS
    }
    if not _compared(run):
        return results
    baseline = measured.estimates(measured.load(run.evaluations[MODEL], BASELINE))
    return {**{model: results[model] for model in MODELS[:-1]}, LAST_BLESSED: baseline, MODEL: results[MODEL]}


def _of_series(run: PipelineRun) -> Page:
    result = measured.load(run.evaluations[MODEL], _candidate(run, MODEL))
    (overall,) = util.get_slicing_metrics(result.slicing_metrics, slicing_spec=SingleSliceSpec())
    return {
        "metrics": overall["metrics"],
        "config": {"modelIdentifier": run.name, "dataIdentifier": run.examples.name},
    }


def _table(by_model: dict[str, Estimates], k: int) -> dict[str, Any]:
    """Columns and, for each model, cells; of the metrics that there are."""
    names = [f"{name}@{k}" for name in LABELS if f"{name}@{k}" in by_model[MODEL]]
    return {
        "columns": [LABELS[name.split("@")[0]] for name in names],
        "rows": {model: [_cell(name, found[name]) for name in names] for model, found in by_model.items()},
    }


def _differences(found: Estimates, k: int) -> dict[str, Cell]:
    """The model's lead over the last blessed one, by metric."""
    names = {label: f"{name}@{k}" for name, label in LABELS.items()}
    return {
        label: _cell(name, found[f"{name}{DIFFERENCE}"])
        for label, name in names.items()
        if f"{name}{DIFFERENCE}" in found
    }


def _cell(name: str, estimate: Estimate) -> Cell:
    factor = 100 if name.split("@")[0] in SHARES else 1
    value = f"{factor * estimate.value:.2f}"
    if estimate.low is None or estimate.high is None:
        return Cell(value)
    return Cell(value, f"{factor * estimate.low:.2f} to {factor * estimate.high:.2f}")
