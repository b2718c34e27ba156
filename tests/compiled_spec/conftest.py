"""The pipeline of the small log, compiled for both targets."""

from pathlib import Path
from typing import Any

import pytest
from kfp.pipeline_spec.pipeline_spec_pb2 import PipelineSpec

from dimerec_tf.config import Config
from tests.e2e.small_log import small_config, write_log
from tfx_pipeline.kubeflow_runner import kubeflow_spec
from tfx_pipeline.vertex_runner import vertex_spec

CLUSTER: dict[str, Any] = {
    "image": "europe-docker.pkg.dev/shop/images/dimerec:tag",
    "root": "gs://shop/pipelines",
    "model_directory": "gs://shop/models",
    "default": {"cpu": 2, "memory_gb": 8},
    "steps": {"Trainer.dimerec": {"cpu": 8, "memory_gb": 30, "accelerator": "nvidia.com/gpu"}},
    "kubeflow": {"host": "https://kubeflow.shop.example"},
    "vertex": {"project": "shop", "region": "europe-west4"},
}
COMPILE = {"kubeflow": kubeflow_spec, "vertex": vertex_spec}


def cluster_config(log: Path | str, cluster: dict[str, Any] | None = None, **sections: dict[str, Any]) -> Config:
    return small_config(Path(log), cluster={**CLUSTER, **(cluster or {})}, data={"path": str(log)}, **sections)


def on_this_machine(config: Config, root: Path) -> Config:
    """With directories in place of buckets, which a configuration does not take."""
    places = {"root": str(root / "bucket"), "model_directory": str(root / "models")}
    return config.model_copy(update={"cluster": config.cluster.model_copy(update=places)})


@pytest.fixture(scope="session")
def specs() -> dict[str, PipelineSpec]:
    config = cluster_config("gs://shop/clicks/")
    return {target: compile_spec(config) for target, compile_spec in COMPILE.items()}


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A directory with a log in it."""
    (tmp_path / "log").mkdir()
    write_log(tmp_path / "log" / "clicks.csv")
    return tmp_path / "log"
