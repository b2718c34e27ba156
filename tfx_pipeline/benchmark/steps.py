"""Runs the steps before training one after the other, each in a process of its own."""

import resource
from pathlib import Path

from ml_metadata.proto import metadata_store_pb2 as mlmd
from tfx.orchestration.local.local_dag_runner import LocalDagRunner
from tfx.orchestration.metadata import sqlite_metadata_connection_config
from tfx.orchestration.pipeline import Pipeline

from dimerec_tf.cli.output import library_noise_in
from dimerec_tf.config import parse_config
from dimerec_tf.measuring.alone import Rows
from tfx_pipeline.local_runner import SCHEMA
from tfx_pipeline.metadata import component_of, open_store
from tfx_pipeline.pipeline import data_steps

MEASURED = ("SequenceExampleGen", "StatisticsGen", "Transform")


def measure(log: Path, work: Path, component: str, events: int, workers: int) -> Rows:
    """Runs the steps up to one; those before it come from the cache of the processes before this.

    `peak_mb` is the peak of this process, and, where Beam's workers are others, that of the largest of them times their
    number: no less than they took together.

    Raises:
        RuntimeError: the step came from the cache.
    """
    mode = "in_memory" if workers == 1 else "multi_processing"
    config = parse_config({"data": {"path": str(log)}})
    steps = data_steps(config, SCHEMA.read_text(encoding="utf-8"), str(work / "rejected"), "benchmark").in_order
    last = next(number for number, step in enumerate(steps, start=1) if step.id == component)
    metadata = work / "metadata.sqlite"
    pipeline = Pipeline(
        pipeline_name="benchmark",
        pipeline_root=str(work / "artifacts"),
        components=steps[:last],
        enable_cache=True,
        metadata_connection_config=sqlite_metadata_connection_config(str(metadata)),
        beam_pipeline_args=[f"--direct_running_mode={mode}", f"--direct_num_workers={workers}"],
    )
    with library_noise_in(work / "pipeline.log"):
        LocalDagRunner().run(pipeline)
    peak = _peak(resource.RUSAGE_SELF) + (workers * _peak(resource.RUSAGE_CHILDREN) if workers > 1 else 0)
    row = {
        "events": events,
        "component": component,
        "seconds": round(_seconds(metadata, component), 1),
        "peak_mb": round(peak),
        "workers": workers,
    }
    return {"pipeline": [row]}


def _peak(whose: int) -> float:
    return resource.getrusage(whose).ru_maxrss / 1024


def _seconds(metadata: Path, component: str) -> float:
    store = open_store(metadata)
    runs = [execution for execution in store.get_executions() if component_of(store, execution) == component]
    newest = max(runs, key=lambda execution: execution.id)
    if newest.last_known_state != mlmd.Execution.COMPLETE:
        raise RuntimeError(f"{component} was not run but {mlmd.Execution.State.Name(newest.last_known_state)}.")
    seconds: float = (newest.last_update_time_since_epoch - newest.create_time_since_epoch) / 1000
    return seconds
