"""The pipeline as a Kubeflow Pipelines v2 specification, which Vertex AI takes too."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

import yaml
from google.protobuf.json_format import MessageToDict, ParseDict
from kfp.pipeline_spec.pipeline_spec_pb2 import PipelineDeploymentConfig, PipelineSpec, PipelineTaskSpec
from tfx.orchestration.data_types import RuntimeParameter
from tfx.orchestration.kubeflow.v2.kubeflow_v2_dag_runner import KubeflowV2DagRunner, KubeflowV2DagRunnerConfig
from tfx.proto import trainer_pb2
from tfx.utils import proto_utils

import dimerec_tf
import tfx_pipeline
from dimerec_tf.code_version import code_version
from dimerec_tf.config import Config, ConfigError
from dimerec_tf.config_cluster import ClusterConfig, ResourcesConfig
from dimerec_tf.config_training import CLUSTERED
from dimerec_tf.whole_files import write_text
from tfx_pipeline import container
from tfx_pipeline.components.sequence_example_gen.component import input_place
from tfx_pipeline.local_runner import SCHEMA
from tfx_pipeline.names import cluster_name, pipeline_name
from tfx_pipeline.pipeline import build_pipeline
from tfx_pipeline.target import TRAIN_ARGS, Target, directory

DATA_LOCATION = RuntimeParameter("data_location", str)
TRAIN_STEPS = RuntimeParameter("train_args", str)
MODEL_DIRECTORY = RuntimeParameter("push_destination", str)


def cluster_of(config: Config) -> ClusterConfig:
    """The section about the cluster.

    Raises:
        ConfigError: there is none, or the training needs processes that no step has.
    """
    if config.cluster is None:
        raise ConfigError("There is no section cluster: say at least its image, root and model_directory.")
    if config.training.strategy in CLUSTERED:
        raise ConfigError(
            f"training.strategy {config.training.strategy} shares a training between machines, and a step has one: "
            "take one_device or mirrored."
        )
    return config.cluster


def runtime_defaults(config: Config) -> dict[str, str]:
    """What a pipeline takes that is started without values for its parameters."""
    return {
        DATA_LOCATION.name: input_place(config.data.path)[0],
        TRAIN_STEPS.name: proto_utils.proto_to_json(TRAIN_ARGS),
        MODEL_DIRECTORY.name: proto_utils.proto_to_json(
            directory(f"{cluster_of(config).model_directory}/{config.name}")
        ),
    }


def compile_pipeline(config: Config, target: Target, never_cached: Collection[str]) -> PipelineSpec:
    """The specification, with the configured image, resources, retries and caching at each step.

    Args:
        config: the pipeline's and the cluster's.
        target: what differs from one place to another.
        never_cached: steps that depend on more than their inputs and settings.

    Raises:
        ConfigError: `cluster.steps` or `beam.steps` names a step that there is not; see also `cluster_of`.
    """
    cluster, version = cluster_of(config), code_version(dimerec_tf, tfx_pipeline)
    pipeline = build_pipeline(
        name=cluster_name(pipeline_name(config)).lower(),
        root=cluster.root,
        metadata_path=None,
        config=config,
        schema=SCHEMA.read_text(encoding="utf-8"),
        rejected_dir=f"{cluster.root}/rejected_rows/{config.name}",
        checkpoint_dir=f"{cluster.root}/checkpoints/{config.fingerprint()}-{version}",
        code_version=version,
        run_id="",
        target=target,
    )
    names = [step.id for step in pipeline.components]
    unknown = sorted(cluster.steps.keys() - set(names))
    if unknown:
        raise ConfigError(f"cluster.steps has {', '.join(unknown)}; the steps are {', '.join(names)}.")
    for step in pipeline.components:
        step.with_id(cluster_name(step.id))
    runner = KubeflowV2DagRunner(
        KubeflowV2DagRunnerConfig(
            default_image=cluster.image, default_commands=list(container.COMMAND), use_pipeline_spec_2_1=True
        )
    )
    spec = ParseDict(runner.run(pipeline, write_out=False)["pipelineSpec"], PipelineSpec())
    spec.default_pipeline_root = cluster.root
    for name, value in runtime_defaults(config).items():
        if name in spec.root.input_definitions.parameters:
            spec.root.input_definitions.parameters[name].default_value.string_value = value
    _set_machines(spec, cluster, names, never_cached)
    return spec


def runtime_values(
    spec: PipelineSpec, data_location: str | None, train_steps: int | None, model_directory: str | None
) -> dict[str, str]:
    """The values of a specification's parameters where they are not its defaults.

    Raises:
        ConfigError: the specification has no such parameter: an endpoint takes the place of the model directory.
    """
    values = {}
    if data_location:
        values[DATA_LOCATION.name] = data_location
    if train_steps:
        values[TRAIN_STEPS.name] = proto_utils.proto_to_json(
            trainer_pb2.TrainArgs(splits=["train"], num_steps=train_steps)
        )
    if model_directory:
        values[MODEL_DIRECTORY.name] = proto_utils.proto_to_json(directory(model_directory))
    for name in values.keys() - set(spec.root.input_definitions.parameters):
        raise ConfigError(
            f"The pipeline has no parameter {name}: with cluster.vertex.endpoint no directory is pushed to."
        )
    return values


def write_spec(spec: PipelineSpec, file: Path) -> None:
    """Writes YAML, which both Kubeflow's client and Vertex's read."""
    file.parent.mkdir(parents=True, exist_ok=True)
    write_text(file, yaml.safe_dump(MessageToDict(spec), sort_keys=True))


def _set_machines(spec: PipelineSpec, cluster: ClusterConfig, names: list[str], never_cached: Collection[str]) -> None:
    deployment = ParseDict(MessageToDict(spec.deployment_spec), PipelineDeploymentConfig())
    for name in names:
        task = spec.root.dag.tasks.get(cluster_name(name))
        if task is None:  # a resolver, which the backend itself does
            continue
        executor = deployment.executors[spec.components[task.component_ref.name].executor_label]
        ParseDict(resources(cluster.steps.get(name, cluster.default)), executor.container.resources)
        task.caching_options.enable_cache = cluster.cache and name not in never_cached
        _set_retries(task, cluster)
    spec.deployment_spec.Clear()
    spec.deployment_spec.update(MessageToDict(deployment))


def _set_retries(task: PipelineTaskSpec, cluster: ClusterConfig) -> None:
    task.retry_policy.max_retry_count = cluster.retries
    task.retry_policy.backoff_duration.seconds = cluster.retry_seconds
    task.retry_policy.backoff_factor = 2


def resources(wanted: ResourcesConfig) -> dict[str, Any]:
    """The JSON form of KFP's `ResourceSpec`."""
    values: dict[str, Any] = {"cpuLimit": wanted.cpu, "memoryLimit": wanted.memory_gb}
    if wanted.accelerator:
        values["accelerator"] = {"type": wanted.accelerator, "count": wanted.accelerator_count}
    return {name: value for name, value in values.items() if value is not None}
