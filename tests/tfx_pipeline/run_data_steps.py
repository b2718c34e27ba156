"""Runs the steps before training alone, in a process of their own: python -m ... LOG WORKDIR."""

import sys
from pathlib import Path

from dimerec_tf.config import Config, parse_config
from tfx_pipeline.workdir import Workdir


def run(config: Config, work: Workdir) -> None:
    from tfx.orchestration.local.local_dag_runner import LocalDagRunner
    from tfx.orchestration.metadata import sqlite_metadata_connection_config
    from tfx.orchestration.pipeline import Pipeline

    from tfx_pipeline.beam_options import beam_options
    from tfx_pipeline.local_runner import SCHEMA
    from tfx_pipeline.pipeline import data_steps

    pipeline = Pipeline(
        pipeline_name="data",
        pipeline_root=str(work.artifacts),
        components=data_steps(config, SCHEMA.read_text(), str(work.rejected), code_version="test").in_order,
        metadata_connection_config=sqlite_metadata_connection_config(str(work.metadata)),
        beam_pipeline_args=beam_options(config.beam.default),
    )
    LocalDagRunner().run(pipeline)


if __name__ == "__main__":
    log, workdir = sys.argv[1:]
    run(parse_config({"data": {"path": log}}), Workdir(Path(workdir)))
