"""Where a pushed version comes from, read back from ML Metadata: data, code, settings, models before it, metrics."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorflow_model_analysis as tfma
from ml_metadata import MetadataStore
from ml_metadata.proto import metadata_store_pb2 as mlmd
from tfx.utils.path_utils import serving_model_path

from dimerec_tf.errors import DimeRecError
from dimerec_tf.export.save import RECORD
from tfx_pipeline.components.sequence_example_gen.reports import SPANS
from tfx_pipeline.metadata import (
    component_of,
    executions_of,
    inputs_of,
    open_store,
    outputs_of,
    producer_of,
    run_of,
)
from tfx_pipeline.outcome import Metrics, plain_values
from tfx_pipeline.pipeline import FLOORS, MODEL


class LineageError(DimeRecError, LookupError):
    """A version that the metadata does not know."""


@dataclass(frozen=True)
class Ancestor:
    """An artifact that a version comes from: the step that wrote it, and where it lies."""

    step: str
    execution: int
    uri: str


@dataclass(frozen=True)
class Lineage:
    """What a pushed version was made of.

    Attributes:
        version: its number.
        path: where it was pushed to.
        pushed_at: when, milliseconds since 1970 UTC.
        run: the pipeline run that pushed it first.
        spans: of the log, oldest first: `span`, `version`, `files` and `events` of each; none for a log without spans.
        log_fingerprint: TFX's, of the log's files.
        code_version: hash of the code that trained it.
        config: the configuration it was trained with, with what a Tuner chose.
        warm_start: the version whose weights it began with, if it was one that was pushed from here.
        baseline: the version that the Evaluator compared it with, likewise.
        metrics: of the test split, by model, floors first.
        ancestors: every artifact that it comes from, in the order in which they were made.
    """

    version: int
    path: str
    pushed_at: int
    run: str
    spans: list[dict[str, Any]]
    log_fingerprint: str
    code_version: str
    config: dict[str, Any]
    warm_start: int | None
    baseline: int | None
    metrics: dict[str, Metrics]
    ancestors: list[Ancestor]


def read_lineage(metadata_path: Path, version: int, name: str) -> Lineage:
    """Follows a version back to its log.

    Args:
        metadata_path: the sqlite file of ML Metadata.
        version: number of the version.
        name: of the model, as it is served.

    Raises:
        LineageError: there is no such file, or no such version was pushed from there.
    """
    if not metadata_path.is_file():
        raise LineageError(f"There is no {metadata_path}: name the --workdir of the pipeline that pushed the version.")
    store = open_store(metadata_path)
    pushed = _pushed_versions(store, name)
    if version not in pushed:
        known = ", ".join(map(str, sorted(pushed))) or "none"
        raise LineageError(f"No version {version} of {name} was pushed from {metadata_path.parent}, but: {known}.")
    artifact = pushed[version]
    pusher = producer_of(store, artifact)
    served, blessing = (inputs_of(store, pusher)[key] for key in ("model", "model_blessing"))
    model = _trained(store, served)
    trainer, evaluator = producer_of(store, model), producer_of(store, blessing)
    made = _made_before(store, trainer)
    examples = next(output for execution, output in made if component_of(store, execution) == "SequenceExampleGen")
    version_of = {
        _trained(store, inputs_of(store, producer_of(store, other))["model"]).id: number
        for number, other in pushed.items()
    }

    def version_read(execution: mlmd.Execution, key: str) -> int | None:
        read = inputs_of(store, execution).get(key)
        return version_of.get(read.id) if read else None

    run = run_of(store, pusher)
    steps = [*made, (trainer, model), *([(producer_of(store, served), served)] if served.id != model.id else [])]
    return Lineage(
        version=version,
        path=artifact.custom_properties["pushed_destination"].string_value,
        pushed_at=artifact.create_time_since_epoch,
        run=run.name,
        spans=json.loads(examples.custom_properties[SPANS].string_value or "[]"),
        log_fingerprint=examples.custom_properties["input_fingerprint"].string_value,
        code_version=json.loads(trainer.custom_properties["custom_config"].string_value)["code"],
        config=json.loads(Path(serving_model_path(model.uri), RECORD).read_text(encoding="utf-8"))["config"],
        warm_start=version_read(trainer, "base_model"),
        baseline=version_read(evaluator, "baseline_model"),
        metrics=_metrics(store, run),
        ancestors=[Ancestor(component_of(store, step), step.id, output.uri) for step, output in steps],
    )


def _pushed_versions(store: MetadataStore, name: str) -> dict[int, mlmd.Artifact]:
    """The push of each version: the first one of its model, as a later run only finds that it is there."""
    found: dict[int, mlmd.Artifact] = {}
    model_of: dict[int, int] = {}
    for artifact in sorted(store.get_artifacts_by_type("PushedModel"), key=lambda pushed: pushed.id):
        properties = artifact.custom_properties
        pushed_as = Path(properties["pushed_destination"].string_value).parent.name
        if not properties["pushed"].int_value or pushed_as != name:
            continue
        version = int(properties["pushed_version"].string_value)
        model = inputs_of(store, producer_of(store, artifact))["model"].id
        if model_of.get(version) != model:
            found[version], model_of[version] = artifact, model
    return found


def _trained(store: MetadataStore, served: mlmd.Artifact) -> mlmd.Artifact:
    """Trainer's own model behind one that has indexes beside it."""
    return inputs_of(store, producer_of(store, served)).get("trained_model", served)


def _made_before(store: MetadataStore, execution: mlmd.Execution) -> list[tuple[mlmd.Execution, mlmd.Artifact]]:
    """What an execution read, directly or not, with the steps that wrote it, in their order; no models before it."""
    found: dict[int, tuple[mlmd.Execution, mlmd.Artifact]] = {}
    open_ends = [execution]
    while open_ends:
        for artifact in inputs_of(store, open_ends.pop()).values():
            if artifact.id not in found and artifact.type != "Model":
                found[artifact.id] = producer_of(store, artifact), artifact
                open_ends.append(found[artifact.id][0])
    return sorted(found.values(), key=lambda step: (step[0].id, step[1].id))


def _metrics(store: MetadataStore, run: mlmd.Context) -> dict[str, Metrics]:
    executions = executions_of(store, run)
    uris = {name: outputs_of(store, executions[f"Evaluator.{name}"])["evaluation"].uri for name in (*FLOORS, MODEL)}
    return {name: plain_values(tfma.load_eval_result(uri).get_metrics_for_slice(())) for name, uri in uris.items()}
