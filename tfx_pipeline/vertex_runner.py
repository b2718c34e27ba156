"""The pipeline for Vertex AI Pipelines."""

from typing import Any

from google.cloud import aiplatform
from kfp.pipeline_spec.pipeline_spec_pb2 import PipelineSpec
from tfx.extensions.google_cloud_ai_platform import constants
from tfx.extensions.google_cloud_ai_platform.pusher.executor import Executor as EndpointPusher
from tfx.extensions.google_cloud_ai_platform.trainer import executor as custom_job

from dimerec_tf.config import Config, ConfigError
from dimerec_tf.config_cluster import VertexConfig
from tfx_pipeline.cluster import DATA_LOCATION, MODEL_DIRECTORY, TRAIN_STEPS, cluster_of, compile_pipeline
from tfx_pipeline.components.atomic_pusher.executor import Executor as AtomicPusher
from tfx_pipeline.pipeline import last_blessed_model
from tfx_pipeline.target import Target


def vertex_spec(config: Config) -> PipelineSpec:
    """The specification; with `custom_training` and `endpoint` through TFX's extensions for Vertex.

    Raises:
        ConfigError: see `compile_pipeline` and `vertex_of`.
    """
    vertex = vertex_of(config)
    target = Target(
        last_blessed=last_blessed_model(),
        pusher=EndpointPusher if vertex.endpoint else AtomicPusher,
        push_destination=None if vertex.endpoint else MODEL_DIRECTORY,
        pusher_settings=_endpoint_settings(vertex),
        trainer=custom_job.GenericExecutor if vertex.custom_training else None,
        trainer_settings=_training_settings(vertex, cluster_of(config).image),
        train_args=TRAIN_STEPS,
        data_location=DATA_LOCATION,
    )
    return compile_pipeline(config, target, never_cached=["Pusher"])  # which looks at what was pushed


def vertex_of(config: Config) -> VertexConfig:
    """Whose project to run in.

    Raises:
        ConfigError: the configuration does not say.
    """
    vertex = cluster_of(config).vertex
    if vertex is None:
        raise ConfigError("There is no section cluster.vertex: say at least its project and region.")
    return vertex


def pipeline_job(config: Config, spec_file: str, parameters: dict[str, str]) -> aiplatform.PipelineJob:
    """The job as Vertex's client reads it, not yet submitted.

    Raises:
        ConfigError: see `vertex_of`.
    """
    vertex = vertex_of(config)
    return aiplatform.PipelineJob(
        display_name=config.name,
        template_path=spec_file,
        pipeline_root=cluster_of(config).root,
        parameter_values=parameters,
        project=vertex.project,
        location=vertex.region,
    )


def submit_to_vertex(config: Config, spec_file: str, parameters: dict[str, str]) -> str:
    """Starts a job and returns its resource name.

    Raises:
        ConfigError: see `vertex_of`.
    """
    job = pipeline_job(config, spec_file, parameters)
    job.submit(service_account=vertex_of(config).service_account)
    return job.resource_name


def _vertex_settings(vertex: VertexConfig) -> dict[str, Any]:
    return {constants.ENABLE_VERTEX_KEY: True, constants.VERTEX_REGION_KEY: vertex.region}


def _training_settings(vertex: VertexConfig, image: str) -> dict[str, Any]:
    training = vertex.custom_training
    if training is None:
        return {}
    machine: dict[str, Any] = {"machine_type": training.machine_type}
    if training.accelerator:
        machine |= {"accelerator_type": training.accelerator, "accelerator_count": training.accelerator_count}
    pool = {"machine_spec": machine, "replica_count": 1, "container_spec": {"image_uri": image}}
    account = {"service_account": vertex.service_account} if vertex.service_account else {}
    job = {"project": vertex.project, "job_spec": {"worker_pool_specs": [pool], **account}}
    return {**_vertex_settings(vertex), custom_job.TRAINING_ARGS_KEY: job}


def _endpoint_settings(vertex: VertexConfig) -> dict[str, Any]:
    endpoint = vertex.endpoint
    if endpoint is None:
        return {}
    return {
        **_vertex_settings(vertex),
        constants.VERTEX_CONTAINER_IMAGE_URI_KEY: endpoint.image,
        constants.SERVING_ARGS_KEY: {
            "project_id": vertex.project,
            "endpoint_name": endpoint.name,
            "machine_type": endpoint.machine_type,
            "min_replica_count": endpoint.min_replicas,
            "max_replica_count": endpoint.max_replicas,
        },
    }
