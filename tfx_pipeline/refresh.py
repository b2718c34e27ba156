"""Runs the refresh of an index on this machine, beside the pipeline that pushed the model."""

from datetime import datetime, timezone
from pathlib import Path

from tfx.orchestration.local.local_dag_runner import LocalDagRunner
from tfx.orchestration.metadata import sqlite_metadata_connection_config
from tfx.orchestration.pipeline import Pipeline

import dimerec_tf
import tfx_pipeline
from dimerec_tf.code_version import code_version
from dimerec_tf.config import Config
from dimerec_tf.export.load import read_record
from dimerec_tf.scann_library import require_scann
from tfx_pipeline.beam_options import beam_options
from tfx_pipeline.components.index_refresh.component import IndexRefresh
from tfx_pipeline.components.index_refresh.executor import newest_version
from tfx_pipeline.components.sequence_example_gen.component import SequenceExampleGen
from tfx_pipeline.names import pipeline_name
from tfx_pipeline.workdir import Workdir


def run_refresh(config: Config, workdir: Workdir, withdrawn: Path | None, new_items: Path | None) -> Path:
    """Reads the log, unless that comes from the cache, refreshes the newest version and returns the next one.

    Raises:
        UnusableWorkdir: no step can write there.
        DimeRecError: see `IndexRefresh`'s executor; or the log cannot be used; or an index needs ScaNN, which cannot be
            imported.
    """
    workdir.require_no_pattern()
    serving = workdir.serving(config.name)
    require_scann(read_record(newest_version(serving)).config.export.indexes)
    examples = SequenceExampleGen(
        data=config.data, rejected_dir=str(workdir.rejected), code_version=code_version(dimerec_tf, tfx_pipeline)
    )
    refreshed = IndexRefresh(
        examples=examples.outputs["examples"],
        serving_dir=str(serving),
        withdrawn=str(withdrawn.resolve()) if withdrawn else "",
        new_items=str(new_items.resolve()) if new_items else "",
        run_id=datetime.now(timezone.utc).isoformat(),
    )
    LocalDagRunner().run(
        Pipeline(
            pipeline_name=pipeline_name(config),
            pipeline_root=str(workdir.artifacts),
            components=[examples, refreshed],
            enable_cache=True,
            metadata_connection_config=sqlite_metadata_connection_config(str(workdir.metadata)),
            beam_pipeline_args=beam_options(config.beam.steps.get(examples.id, config.beam.default)),
        )
    )
    return newest_version(serving)
