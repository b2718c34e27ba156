"""Where a pipeline runs when it does not run on this machine: Kubeflow Pipelines or Vertex AI."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from dimerec_tf.config_base import PositiveInt, Section
from dimerec_tf.config_beam import Bucket

Target = Literal["kubeflow", "vertex"]
Amount = Annotated[float, Field(gt=0)]


class ResourcesConfig(Section):
    """What a step's container gets at most: `cpu` in cores, `memory_gb` in 10^9 bytes, and `accelerator_count` of an
    `accelerator` as the target names it (`nvidia.com/gpu` in Kubeflow, `NVIDIA_TESLA_T4` on Vertex).
    """

    cpu: Amount | None = None
    memory_gb: Amount | None = None
    accelerator: str | None = None
    accelerator_count: PositiveInt = 1


class KubeflowConfig(Section):
    """`host` is the address of the API, `experiment` what runs are filed under, `namespace` whose they are."""

    host: str
    namespace: str | None = None
    experiment: str = "dimerec"


class CustomTrainingConfig(Section):
    """The machine of a Vertex custom job, in which DimeRec is trained instead of in its step's container.

    A `machine_type` and `accelerator_count` of an `accelerator` as Vertex names them.
    """

    machine_type: str = "n1-standard-8"
    accelerator: str | None = None
    accelerator_count: PositiveInt = 1


class EndpointConfig(Section):
    """A Vertex endpoint, made when there is none of this `name`, that gets a blessed model instead of a directory.

    `image` serves SavedModels of core operations, which the exact export has, on `min_replicas` to `max_replicas`
    machines of the `machine_type`.
    """

    name: str
    image: str = "us-docker.pkg.dev/vertex-ai/prediction/tf2-cpu.2-15:latest"
    machine_type: str = "n1-standard-4"
    min_replicas: PositiveInt = 1
    max_replicas: PositiveInt = 2

    @model_validator(mode="after")
    def _ordered(self) -> "EndpointConfig":
        if self.min_replicas > self.max_replicas:
            raise ValueError(f"min_replicas is {self.min_replicas}, more than max_replicas, {self.max_replicas}")
        return self


class VertexConfig(Section):
    """The `project` that runs the pipeline, where (`region`), and as whom (`service_account`, or the project's own)."""

    project: str
    region: str
    service_account: str | None = None
    custom_training: CustomTrainingConfig | None = None
    endpoint: EndpointConfig | None = None


class ClusterConfig(Section):
    """A pipeline as containers.

    `image` has this project installed, see `docs/cluster.md`. Artifacts, rows set aside and the states of trainings lie
    below `root`, pushed versions below `model_directory`. `steps` names those that get other than the `default`
    resources, as `Trainer.dimerec`. A step that fails is tried `retries` times more, first after `retry_seconds` and
    then after twice as long each time. With `cache` a step whose inputs and settings did not change is not run again.
    """

    image: str
    root: Bucket
    model_directory: Bucket
    default: ResourcesConfig = ResourcesConfig()
    steps: dict[str, ResourcesConfig] = Field(default_factory=dict)
    retries: Annotated[int, Field(ge=0)] = 2
    retry_seconds: PositiveInt = 60
    cache: bool = True
    kubeflow: KubeflowConfig | None = None
    vertex: VertexConfig | None = None
