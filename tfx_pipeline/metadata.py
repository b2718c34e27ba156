"""Reads what a pipeline's runs left in ML Metadata."""

from pathlib import Path

from ml_metadata import MetadataStore
from ml_metadata.proto import metadata_store_pb2 as mlmd
from tfx.orchestration.metadata import sqlite_metadata_connection_config

Outputs = dict[str, mlmd.Artifact]


def open_store(metadata_path: Path) -> MetadataStore:
    """Opens the sqlite file of a local run."""
    return MetadataStore(sqlite_metadata_connection_config(str(metadata_path)))


def pipeline_runs(store: MetadataStore) -> list[mlmd.Context]:
    """All runs, oldest first."""
    return sorted(store.get_contexts_by_type("pipeline_run"), key=lambda run: run.create_time_since_epoch)


def executions_of(store: MetadataStore, run: mlmd.Context) -> dict[str, mlmd.Execution]:
    """What a run executed or took from the cache, by component id."""
    return {_component(store, execution): execution for execution in store.get_executions_by_context(run.id)}


def outputs_of(store: MetadataStore, execution: mlmd.Execution) -> Outputs:
    """The artifact under each output's name."""
    events = store.get_events_by_execution_ids([execution.id])
    produced = {
        event.path.steps[0].key: event.artifact_id
        for event in events
        if event.type in (mlmd.Event.OUTPUT, mlmd.Event.INTERNAL_OUTPUT)
    }
    return {key: store.get_artifacts_by_id([artifact])[0] for key, artifact in produced.items()}


def _component(store: MetadataStore, execution: mlmd.Execution) -> str:
    nodes = [context for context in store.get_contexts_by_execution(execution.id) if context.type == "node"]
    return nodes[0].name.split(".", 1)[1]
