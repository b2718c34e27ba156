"""What a pipeline run came to, read back from ML Metadata and the Evaluators' outputs."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorflow_model_analysis as tfma
from ml_metadata.proto import metadata_store_pb2 as mlmd

from dimerec_tf.export.servable import ServingVerdict
from tfx_pipeline.anomalies import read_anomalies
from tfx_pipeline.components.serving_check.executor import VERDICT
from tfx_pipeline.metadata import executions_of, open_store, outputs_of, pipeline_runs
from tfx_pipeline.pipeline import FLOORS, MODEL
from tfx_pipeline.refusals import refusals

Metrics = dict[str, float]


@dataclass(frozen=True)
class Step:
    """One component of the run: seconds it took, 0 where it came from the cache."""

    name: str
    state: str
    seconds: float


@dataclass(frozen=True)
class Outcome:
    """A finished run.

    `anomalies` say what in the data is not as `watching` and the reviewed schema have it, and stopped nothing.
    `metrics` and `slices` are keyed by model (floors first), then metric; a slice is named `feature=value`.
    `blessed` is the verdict of the Evaluator and of the step that served the model, if there is one; `refusals` are
    what either has against it. `gain` is the model's NDCG@10 above that of the last blessed model on the same test
    split, None without one.
    """

    steps: list[Step]
    anomalies: list[str]
    metrics: dict[str, Metrics]
    slices: dict[str, dict[str, Metrics]]
    blessed: bool
    refusals: list[str]
    pushed_version: int | None
    pushed_path: str | None
    examples_uri: str
    gain: float | None = None

    def accuracy(self) -> dict[str, Metrics]:
        """HR and NDCG of every model, as people are shown them."""
        return {
            model: {name: value for name, value in metrics.items() if name.split("@")[0] in ("HR", "NDCG")}
            for model, metrics in self.metrics.items()
        }


def read_outcome(metadata_path: Path) -> Outcome:
    """Reads the newest run of a metadata file.

    Raises:
        LookupError: the file has no finished run.
    """
    store = open_store(metadata_path)
    runs = pipeline_runs(store)
    if not runs:
        raise LookupError(f"{metadata_path} has no pipeline run.")
    executions = executions_of(store, runs[-1])
    outputs = {name: outputs_of(store, execution) for name, execution in executions.items()}
    evaluations = {
        name: tfma.load_eval_result(outputs[f"Evaluator.{name}"]["evaluation"].uri) for name in (*FLOORS, MODEL)
    }
    evaluator = outputs[f"Evaluator.{MODEL}"]
    unservable = _infra_refusals(outputs)
    pushed = outputs["Pusher"]["pushed_model"].custom_properties
    is_pushed = pushed["pushed"].int_value == 1
    return Outcome(
        steps=[_step(name, execution) for name, execution in sorted(executions.items(), key=_started)],
        anomalies=read_anomalies(outputs["DataWatch"]["anomalies"].uri),
        metrics={name: plain_values(result.get_metrics_for_slice(())) for name, result in evaluations.items()},
        slices={name: _slices(result) for name, result in evaluations.items()},
        blessed=_is_blessed(evaluator["blessing"]) and not unservable,
        refusals=[*refusals(tfma.load_validation_result(evaluator["evaluation"].uri)), *unservable],
        pushed_version=int(pushed["pushed_version"].string_value) if is_pushed else None,
        pushed_path=pushed["pushed_destination"].string_value if is_pushed else None,
        examples_uri=outputs["SequenceExampleGen"]["examples"].uri,
        gain=_gain(evaluations[MODEL].get_metrics_for_slice(())),
    )


def _started(named: tuple[str, mlmd.Execution]) -> int:
    return named[1].create_time_since_epoch


def _step(name: str, execution: mlmd.Execution) -> Step:
    cached = execution.last_known_state == mlmd.Execution.CACHED
    milliseconds = execution.last_update_time_since_epoch - execution.create_time_since_epoch
    state = mlmd.Execution.State.Name(execution.last_known_state).lower()
    return Step(name, state, 0.0 if cached else milliseconds / 1000)


def plain_values(raw: dict[str, Any] | None) -> Metrics:
    """The values, without their intervals and the differences to the baseline that TFMA puts beside them."""
    return {
        name: _plain(value)
        for name, value in (raw or {}).items()
        if value.keys() & {"doubleValue", "boundedValue"} and not name.endswith("_diff")
    }


def _plain(value: dict[str, Any]) -> float:
    return float(value["doubleValue"] if "doubleValue" in value else value["boundedValue"]["value"])


def _gain(raw: dict[str, Any]) -> float | None:
    difference = raw.get("NDCG@10_diff")
    return _plain(difference) if difference else None


def _slices(result: tfma.EvalResult) -> dict[str, Metrics]:
    named = {}
    for key in result.get_slice_names():
        if key:
            (feature, value), *_ = key
            named[f"{feature}={value}"] = plain_values(result.get_metrics_for_slice(key))
    return named


def _is_blessed(blessing: mlmd.Artifact) -> bool:
    return bool(blessing.custom_properties["blessed"].int_value == 1)


def _infra_refusals(outputs: dict[str, dict[str, mlmd.Artifact]]) -> list[str]:
    """What the step that served the model has against it."""
    if "ServingCheck" in outputs:
        text = Path(outputs["ServingCheck"]["blessing"].uri, VERDICT).read_text(encoding="utf-8")
        return [f"Served as {reason}" for reason in ServingVerdict.model_validate_json(text).reasons]
    if "InfraValidator" in outputs and not _is_blessed(outputs["InfraValidator"]["blessing"]):
        return ["InfraValidator could not serve the model; the pipeline's log says why."]
    return []
