"""Runs the pipeline on this machine, with ML Metadata in a sqlite file."""

import hashlib
from datetime import datetime, timezone
from pathlib import Path

from tfx.orchestration.local.local_dag_runner import LocalDagRunner

import dimerec_tf
import tfx_pipeline
from dimerec_tf.code_version import code_version
from dimerec_tf.config import Config
from tfx_pipeline.pipeline import build_pipeline
from tfx_pipeline.workdir import Workdir

# One process in memory: with two workers every one of them imports TensorFlow first, several times slower here.
BEAM_ARGS = ["--direct_running_mode=in_memory", "--direct_num_workers=1"]
SCHEMA = Path(__file__).parent / "schema" / "schema.pbtxt"


def run_local(config: Config, workdir: Workdir) -> None:
    """Runs every step whose inputs, settings or code changed; the others come from the cache.

    Raises:
        TooManyBadRows, LogError: the log cannot be used.
    """
    workdir.root.mkdir(parents=True, exist_ok=True)
    pipeline = build_pipeline(
        name=pipeline_name(config),
        root=str(workdir.artifacts),
        metadata_path=str(workdir.metadata),
        config=config,
        schema=SCHEMA.read_text(encoding="utf-8"),
        rejected_dir=str(workdir.rejected),
        checkpoint_dir=str(checkpoint_dir(config, workdir)),
        serving_dir=str(workdir.serving(config.name)),
        # TFX's cache key has import paths in it, not what they lead to.
        code_version=code_version(dimerec_tf, tfx_pipeline),
        run_id=datetime.now(timezone.utc).isoformat(),
        beam_args=BEAM_ARGS,
    )
    LocalDagRunner().run(pipeline)


def checkpoint_dir(config: Config, workdir: Workdir) -> Path:
    """Where trainings of one configuration and code keep their states."""
    return workdir.checkpoints / f"{config.fingerprint()}-{code_version(dimerec_tf, tfx_pipeline)}"


def pipeline_name(config: Config) -> str:
    """The configured name and a hash of how models are measured.

    A baseline is looked for under the pipeline's name. One that was trained on another split may have learned from this
    one's test targets, and whether seen items are left out is part of its export: neither is a fair comparison.
    """
    measured = f"{config.data.split.model_dump_json()} {config.evaluation.filter_seen}"
    return f"{config.name}-{hashlib.sha256(measured.encode()).hexdigest()[:8]}"
