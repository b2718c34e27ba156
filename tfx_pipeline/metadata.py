"""Reading ML Metadata: what ran in a run, from what, and what came of it."""

from collections.abc import Iterable
from pathlib import Path

from ml_metadata import MetadataStore
from ml_metadata.proto import metadata_store_pb2 as mlmd
from tfx.orchestration.metadata import sqlite_metadata_connection_config

Outputs = dict[str, mlmd.Artifact]

_OUTPUT = (mlmd.Event.OUTPUT, mlmd.Event.INTERNAL_OUTPUT)
_INPUT = (mlmd.Event.INPUT, mlmd.Event.INTERNAL_INPUT)


def open_store(metadata_path: Path) -> MetadataStore:
    """Opens the sqlite file of a local run."""
    return MetadataStore(sqlite_metadata_connection_config(str(metadata_path)))


def pipeline_runs(store: MetadataStore) -> list[mlmd.Context]:
    """All runs, oldest first."""
    return sorted(store.get_contexts_by_type("pipeline_run"), key=lambda run: run.create_time_since_epoch)


def executions_of(store: MetadataStore, run: mlmd.Context) -> dict[str, mlmd.Execution]:
    """What a run executed or took from the cache, by component id."""
    return {component_of(store, execution): execution for execution in store.get_executions_by_context(run.id)}


def component_of(store: MetadataStore, execution: mlmd.Execution) -> str:
    nodes = [context for context in store.get_contexts_by_execution(execution.id) if context.type == "node"]
    return nodes[0].name.split(".", 1)[1]


def run_of(store: MetadataStore, execution: mlmd.Execution) -> mlmd.Context:
    """The pipeline run that an execution belongs to."""
    contexts = store.get_contexts_by_execution(execution.id)
    return next(context for context in contexts if context.type == "pipeline_run")


def outputs_of(store: MetadataStore, execution: mlmd.Execution) -> Outputs:
    """What an execution wrote, or took from the cache, by its name there."""
    return _artifacts(store, execution, _OUTPUT)


def inputs_of(store: MetadataStore, execution: mlmd.Execution) -> dict[str, mlmd.Artifact]:
    """What an execution read, by its name there."""
    return _artifacts(store, execution, _INPUT)


def producer_of(store: MetadataStore, artifact: mlmd.Artifact) -> mlmd.Execution:
    """The execution that wrote an artifact; later ones took it from the cache."""
    events = store.get_events_by_artifact_ids([artifact.id])
    writers = [event.execution_id for event in events if event.type in _OUTPUT]
    return store.get_executions_by_id([min(writers)])[0]


def _artifacts(store: MetadataStore, execution: mlmd.Execution, kinds: Iterable[int]) -> dict[str, mlmd.Artifact]:
    events = store.get_events_by_execution_ids([execution.id])
    found = {event.path.steps[0].key: event.artifact_id for event in events if event.type in kinds}
    return {key: store.get_artifacts_by_id([artifact])[0] for key, artifact in found.items()}
