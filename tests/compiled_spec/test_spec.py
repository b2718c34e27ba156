"""The specification says what the configuration says, in KFP's own messages, and Vertex's client reads it."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from google.auth.credentials import AnonymousCredentials
from google.cloud import aiplatform
from google.cloud.aiplatform_v1.types.custom_job import CustomJob
from google.protobuf.json_format import ParseDict
from kfp.client.client import _extract_pipeline_yaml
from kfp.pipeline_spec.pipeline_spec_pb2 import PipelineDeploymentConfig, PipelineSpec
from tfx.extensions.google_cloud_ai_platform.training_clients import VertexJobClient
from tfx.utils import json_utils

from dimerec_tf.config import ConfigError
from tests.compiled_spec.backend import REPOSITORY, Kubeflow, executor_of, ordered
from tests.compiled_spec.conftest import COMPILE, cluster_config
from tfx_pipeline.cluster import runtime_values, write_spec
from tfx_pipeline.vertex_runner import pipeline_job

TARGETS = tuple(COMPILE)
LOG = "gs://shop/clicks/"
ContainerSpec = PipelineDeploymentConfig.PipelineContainerSpec


def containers(spec: PipelineSpec) -> dict[str, ContainerSpec]:
    found = {name: executor_of(spec, task) for name, task in spec.root.dag.tasks.items()}
    return {name: executor.container for name, executor in found.items() if executor.WhichOneof("spec") == "container"}


def constant(spec: PipelineSpec, task: str, name: str) -> Any:
    return spec.root.dag.tasks[task].inputs.parameters[name].runtime_value.constant.string_value


@pytest.mark.parametrize("target", TARGETS)
def test_the_file_is_read_by_kfps_client_as_it_was_written(
    specs: dict[str, PipelineSpec], target: str, tmp_path: Path
) -> None:
    write_spec(specs[target], tmp_path / "pipeline.yaml")
    assert _extract_pipeline_yaml(str(tmp_path / "pipeline.yaml")).pipeline_spec == specs[target]


@pytest.mark.parametrize("target", TARGETS)
def test_every_container_has_the_image_the_entry_point_and_its_resources(
    specs: dict[str, PipelineSpec], target: str
) -> None:
    found = containers(specs[target])
    assert {"SequenceExampleGen", "Transform", "Trainer-dimerec", "Evaluator-dimerec", "Pusher"} <= found.keys()
    for name, container in found.items():
        assert container.image == "europe-docker.pkg.dev/shop/images/dimerec:tag"
        assert list(container.command) == ["python", "-m", "tfx_pipeline.container"]
        trains = name == "Trainer-dimerec"
        assert container.resources.cpu_limit == (8 if trains else 2)
        assert container.resources.memory_limit == (30 if trains else 8)
        assert container.resources.accelerator.type == ("nvidia.com/gpu" if trains else "")
        assert container.resources.accelerator.count == (1 if trains else 0)


@pytest.mark.parametrize("target", TARGETS)
def test_steps_are_retried_and_cached_but_what_is_live_is_looked_at_anew(
    specs: dict[str, PipelineSpec], target: str
) -> None:
    tasks, never = specs[target].root.dag.tasks, {"Pusher"}
    if target == "kubeflow":
        never |= {"SequenceExampleGen", "LastPushedModel"}
    for name in containers(specs[target]):
        assert tasks[name].retry_policy.max_retry_count == 2
        assert tasks[name].retry_policy.backoff_duration.seconds == 60
        assert tasks[name].caching_options.enable_cache == (name not in never), name


def test_the_image_starts_what_compiled_steps_start(specs: dict[str, PipelineSpec]) -> None:
    lines = (REPOSITORY / "tfx_pipeline" / "image" / "Dockerfile").read_text().splitlines()
    entry_point = [line for line in lines if line.startswith("ENTRYPOINT ")][-1].removeprefix("ENTRYPOINT ")
    assert json.loads(entry_point) == list(containers(specs["kubeflow"])["Pusher"].command)


def test_retries_and_cache_are_configured() -> None:
    spec = COMPILE["kubeflow"](cluster_config(LOG, {"retries": 0, "cache": False}))
    assert {task.retry_policy.max_retry_count for task in spec.root.dag.tasks.values()} == {0}
    assert not any(task.caching_options.enable_cache for task in spec.root.dag.tasks.values())


@pytest.mark.parametrize("target", TARGETS)
def test_data_length_and_destination_are_parameters_with_defaults(specs: dict[str, PipelineSpec], target: str) -> None:
    spec = specs[target]
    defaults = {
        name: value.default_value.string_value for name, value in spec.root.input_definitions.parameters.items()
    }
    assert defaults == {
        "data_location": "gs://shop/clicks",
        "train_args": '{\n  "splits": [\n    "train"\n  ]\n}',
        "push_destination": '{\n  "filesystem": {\n    "base_directory": "gs://shop/models/dimerec"\n  }\n}',
    }
    taken = {
        (name, key): source.component_input_parameter
        for name, task in spec.root.dag.tasks.items()
        for key, source in task.inputs.parameters.items()
        if source.component_input_parameter
    }
    expected = {
        ("SequenceExampleGen", "input_base"): "data_location",
        ("Trainer-dimerec", "train_args"): "train_args",
        ("Pusher", "push_destination"): "push_destination",
    }
    if target == "kubeflow":
        expected["LastPushedModel", "push_destination"] = "push_destination"
    assert taken == expected


def test_kubeflow_takes_every_step(specs: dict[str, PipelineSpec], tmp_path: Path) -> None:
    Kubeflow(specs["kubeflow"], tmp_path).check()
    assert ordered(specs["kubeflow"])[-1] == "Pusher"


def test_the_kubeflow_of_the_tests_refuses_what_the_backend_refuses(
    specs: dict[str, PipelineSpec], tmp_path: Path
) -> None:
    with pytest.raises(AssertionError, match="resolver not implemented"):
        Kubeflow(specs["vertex"], tmp_path).check()


def test_vertex_reads_the_file_offline(specs: dict[str, PipelineSpec], tmp_path: Path) -> None:
    aiplatform.init(project="shop", credentials=AnonymousCredentials())
    write_spec(specs["vertex"], tmp_path / "pipeline.yaml")
    values = runtime_values(specs["vertex"], "gs://shop/june", 500, None)
    job = pipeline_job(cluster_config(LOG), str(tmp_path / "pipeline.yaml"), values)._gca_resource
    assert job.runtime_config.gcs_output_directory == "gs://shop/pipelines"
    assert dict(job.runtime_config.parameter_values)["data_location"] == "gs://shop/june"
    assert '"num_steps": 500' in dict(job.runtime_config.parameter_values)["train_args"]
    assert (
        yaml.safe_load((tmp_path / "pipeline.yaml").read_text())["pipelineInfo"]
        == dict(job.pipeline_spec)["pipelineInfo"]
    )


def test_custom_training_is_a_job_that_vertex_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    training = {"machine_type": "n1-highmem-8", "accelerator": "NVIDIA_TESLA_T4"}
    vertex = {"project": "shop", "region": "europe-west4", "service_account": "a@shop", "custom_training": training}
    spec = COMPILE["vertex"](cluster_config(LOG, {"vertex": vertex}))
    assert "google_cloud_ai_platform.trainer.executor.GenericExecutor" in containers(spec)["Trainer-dimerec"].args[1]
    settings = json_utils.loads(constant(spec, "Trainer-dimerec", "custom_config"))
    assert settings["ai_platform_enable_vertex"] and settings["ai_platform_vertex_region"] == "europe-west4"
    monkeypatch.setattr(VertexJobClient, "create_client", lambda self: None)
    arguments = settings["ai_platform_training_args"]
    assert arguments["project"] == "shop"
    job = VertexJobClient("europe-west4").create_training_job({}, {}, {}, "an.Executor", arguments, None, {})
    read = ParseDict(job, CustomJob.pb(CustomJob()))
    (pool,) = read.job_spec.worker_pool_specs
    assert pool.machine_spec.machine_type == "n1-highmem-8" and pool.machine_spec.accelerator_count == 1
    assert pool.container_spec.image_uri == "europe-docker.pkg.dev/shop/images/dimerec:tag"
    assert list(pool.container_spec.command)[:3] == ["python", "-m", "tfx.scripts.run_executor"]
    assert read.job_spec.service_account == "a@shop"


def test_an_endpoint_takes_the_place_of_the_model_directory() -> None:
    vertex = {"project": "shop", "region": "europe-west4", "endpoint": {"name": "shop", "max_replicas": 3}}
    spec = COMPILE["vertex"](cluster_config(LOG, {"vertex": vertex}))
    assert "google_cloud_ai_platform.pusher.executor.Executor" in containers(spec)["Pusher"].args[1]
    settings = json_utils.loads(constant(spec, "Pusher", "custom_config"))
    serving = settings["ai_platform_serving_args"]
    assert serving["endpoint_name"] == "shop" and serving["max_replica_count"] == 3 and serving["project_id"] == "shop"
    assert settings["ai_platform_vertex_container_image_uri"].startswith(
        "us-docker.pkg.dev/vertex-ai/prediction/tf2-cpu"
    )
    with pytest.raises(ConfigError, match="no parameter push_destination"):
        runtime_values(spec, None, None, "gs://shop/other")


def test_a_step_that_there_is_not_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"cluster\.steps has Trainer; the steps are LastPushedModel, "):
        COMPILE["kubeflow"](cluster_config(LOG, {"steps": {"Trainer": {"cpu": 1}}}))
    with pytest.raises(ConfigError, match=r"beam\.steps has Pusher; the steps that use Beam are SequenceExampleGen"):
        COMPILE["kubeflow"](cluster_config(LOG, beam={"steps": {"Pusher": {"workers": 2}}}))


def test_a_training_of_several_machines_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"training\.strategy multi_worker shares a training between machines"):
        COMPILE["vertex"](cluster_config(LOG, training={"strategy": "multi_worker"}))


@pytest.mark.parametrize("target", TARGETS)
def test_machines_are_not_part_of_what_a_step_is_to_do(specs: dict[str, PipelineSpec], target: str) -> None:
    other = {"default": {"cpu": 1}, "image": "another"}
    again = COMPILE[target](cluster_config(LOG, other))
    assert constant(again, "Trainer-dimerec", "custom_config") == constant(
        specs[target], "Trainer-dimerec", "custom_config"
    )


def test_beam_runs_where_each_step_is_configured_to() -> None:
    dataflow = {"runner": "dataflow", "project": "p", "region": "r", "temp_location": "gs://t", "image": "i"}
    spec = COMPILE["vertex"](cluster_config(LOG, beam={"default": {"workers": 2}, "steps": {"Transform": dataflow}}))
    found = containers(spec)
    assert "--runner=DataflowRunner" in found["Transform"].args
    for name in ("SequenceExampleGen", "StatisticsGen", "Evaluator-dimerec"):
        assert "--direct_num_workers=2" in found[name].args and "--runner=DataflowRunner" not in found[name].args
    assert "--direct_num_workers=2" in found["SequenceExampleGen"].lifecycle.pre_cache_check.args
