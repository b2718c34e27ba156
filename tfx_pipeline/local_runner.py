"""Runs the pipeline on this machine, with ML Metadata in a sqlite file."""

from datetime import datetime, timezone
from pathlib import Path

from tfx.orchestration.local.local_dag_runner import LocalDagRunner

import dimerec_tf
import tfx_pipeline
from dimerec_tf.code_version import code_version
from dimerec_tf.config import Config
from dimerec_tf.config_training import CLUSTERED
from tfx_pipeline.components.atomic_pusher.executor import Executor as AtomicPusher
from tfx_pipeline.components.cluster_trainer.executor import Executor as ClusterTrainer
from tfx_pipeline.names import pipeline_name
from tfx_pipeline.pipeline import build_pipeline, last_blessed_model
from tfx_pipeline.target import Target, directory
from tfx_pipeline.workdir import Workdir

SCHEMA = Path(__file__).parent / "schema" / "schema.pbtxt"


def run_local(config: Config, workdir: Workdir) -> None:
    """Runs every step whose inputs, settings or code changed; the others come from the cache.

    Raises:
        TooManyBadRows, LogError: the log cannot be used.
        UnusableWorkdir: no step can write there.
    """
    workdir.require_no_pattern()
    workdir.root.mkdir(parents=True, exist_ok=True)
    pipeline = build_pipeline(
        name=pipeline_name(config),
        root=str(workdir.artifacts),
        metadata_path=str(workdir.metadata),
        config=config,
        schema=SCHEMA.read_text(encoding="utf-8"),
        rejected_dir=str(workdir.rejected),
        checkpoint_dir=str(checkpoint_dir(config, workdir)),
        # TFX's cache key has import paths in it, not what they lead to.
        code_version=code_version(dimerec_tf, tfx_pipeline),
        run_id=datetime.now(timezone.utc).isoformat(),
        target=Target(
            last_blessed=last_blessed_model(),
            pusher=AtomicPusher,
            push_destination=directory(str(workdir.serving(config.name))),
            trainer=ClusterTrainer if config.training.strategy in CLUSTERED else None,
        ),
    )
    LocalDagRunner().run(pipeline)


def checkpoint_dir(config: Config, workdir: Workdir) -> Path:
    """Where trainings of one configuration and code keep their states."""
    return workdir.checkpoints / f"{config.fingerprint()}-{code_version(dimerec_tf, tfx_pipeline)}"
