"""The finished runs of a pipeline, as ML Metadata has them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from ml_metadata.proto import metadata_store_pb2 as mlmd

from tfx_pipeline.metadata import Outputs, executions_of, open_store, outputs_of, pipeline_runs
from tfx_pipeline.pipeline import FLOORS, MODEL
from tfx_pipeline.workdir import NoRuns

MODELS = (*FLOORS, MODEL)
_DONE = (mlmd.Execution.COMPLETE, mlmd.Execution.CACHED)


@dataclass(frozen=True)
class PipelineRun:
    """Where a run's artifacts lie, and what came of it.

    Attributes:
        name: when it began, in UTC.
        evaluations: directories of the Evaluators' outputs by model, floors first.
        models: directories of the exact exports by model.
        indexed: directory of DimeRec's exact export beside which those with an index lie, if the run got that far.
        examples: directory of the splits.
        statistics: directory of the splits' statistics.
        blessed: whether the Evaluator blessed the model.
        version: as which it was pushed, if it was.
    """

    name: str
    evaluations: dict[str, Path]
    models: dict[str, Path]
    indexed: Path | None
    examples: Path
    statistics: Path
    blessed: bool
    version: str


def read_runs(metadata_path: Path) -> list[PipelineRun]:
    """Reads the runs that came as far as a verdict, oldest first.

    Raises:
        NoRuns: there is none.
    """
    store = open_store(metadata_path)
    runs = []
    for context in pipeline_runs(store):
        executions = executions_of(store, context)
        outputs = {
            name: outputs_of(store, execution)
            for name, execution in executions.items()
            if execution.last_known_state in _DONE
        }
        if all(f"Evaluator.{model}" in outputs for model in MODELS):
            runs.append(_run(context, outputs))
    if not runs:
        raise NoRuns(f"No run in {metadata_path} came as far as a verdict: run the pipeline to its end first.")
    return runs


def _run(context: mlmd.Context, outputs: Mapping[str, Outputs]) -> PipelineRun:
    began = datetime.fromtimestamp(context.create_time_since_epoch / 1000, timezone.utc)
    blessing = outputs[f"Evaluator.{MODEL}"]["blessing"].custom_properties
    pushed = outputs["Pusher"]["pushed_model"].custom_properties if "Pusher" in outputs else {}
    return PipelineRun(
        name=f"{began:%Y-%m-%d %H:%M:%S}",
        evaluations={model: Path(outputs[f"Evaluator.{model}"]["evaluation"].uri) for model in MODELS},
        models={model: _export(outputs[f"Trainer.{model}"]) for model in MODELS},
        indexed=_export(outputs["IndexBuilder"]) if "IndexBuilder" in outputs else None,
        examples=Path(outputs["SequenceExampleGen"]["examples"].uri),
        statistics=Path(outputs["StatisticsGen"]["statistics"].uri),
        blessed=blessing["blessed"].int_value == 1,
        version=pushed["pushed_version"].string_value if "pushed_version" in pushed else "",
    )


def _export(outputs: Outputs) -> Path:
    return Path(outputs["model"].uri) / "Format-Serving"
