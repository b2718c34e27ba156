"""The pipeline for Kubeflow Pipelines v2."""

from kfp.client import Client
from kfp.pipeline_spec.pipeline_spec_pb2 import PipelineSpec

from dimerec_tf.config import Config, ConfigError
from dimerec_tf.config_cluster import KubeflowConfig
from tfx_pipeline.cluster import DATA_LOCATION, MODEL_DIRECTORY, TRAIN_STEPS, cluster_of, compile_pipeline
from tfx_pipeline.components.atomic_pusher.executor import Executor as AtomicPusher
from tfx_pipeline.components.last_pushed_model import LastPushedModel
from tfx_pipeline.names import measured
from tfx_pipeline.target import Target

# What was pushed is looked at anew each time, and so is the log, since no driver sees whether its files changed.
NEVER_CACHED = ("SequenceExampleGen", "LastPushedModel", "Pusher")


def kubeflow_spec(config: Config) -> PipelineSpec:
    """The specification; Kubeflow's backend has no resolver, so a step looks for the model that was pushed last.

    Raises:
        ConfigError: see `compile_pipeline`.
    """
    last_pushed = LastPushedModel(
        push_destination=MODEL_DIRECTORY, measured_as=measured(config.data.split, config.evaluation)
    )
    target = Target(
        last_blessed=last_pushed,
        pusher=AtomicPusher,
        push_destination=MODEL_DIRECTORY,
        train_args=TRAIN_STEPS,
        data_location=DATA_LOCATION,
    )
    return compile_pipeline(config, target, NEVER_CACHED)


def kubeflow_of(config: Config) -> KubeflowConfig:
    """Whom to submit to.

    Raises:
        ConfigError: the configuration does not say.
    """
    kubeflow = cluster_of(config).kubeflow
    if kubeflow is None:
        raise ConfigError("There is no section cluster.kubeflow: say at least its host.")
    return kubeflow


def submit_to_kubeflow(config: Config, spec_file: str, parameters: dict[str, str]) -> str:
    """Starts a run and returns its id.

    Raises:
        ConfigError: see `kubeflow_of`.
    """
    kubeflow = kubeflow_of(config)
    client = Client(host=kubeflow.host, namespace=kubeflow.namespace or "kubeflow")
    return client.create_run_from_pipeline_package(
        spec_file,
        arguments=parameters,
        experiment_name=kubeflow.experiment,
        namespace=kubeflow.namespace,
        pipeline_root=cluster_of(config).root,
    ).run_id
