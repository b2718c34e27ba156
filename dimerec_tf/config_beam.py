"""Where the data steps of a pipeline compute: Apache Beam's runners."""

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from dimerec_tf.config_base import PositiveInt, Section

Bucket = Annotated[str, Field(pattern=r"^gs://[^/]+(/[^/]+)*$")]


class DirectRunnerConfig(Section):
    """The step's own machine: in one process, or in so many `workers`, each of which imports TensorFlow."""

    runner: Literal["direct"] = "direct"
    workers: PositiveInt = 1


class DataflowConfig(Section):
    """Google Cloud Dataflow; `image` is the pipeline's own, so that workers have its code.

    `project`, `region` and `service_account` say whose it is, where and as whom it computes, and `temp_location` is a
    directory in a bucket. There are at most `max_workers` of the `machine_type`.
    """

    runner: Literal["dataflow"]
    project: str
    region: str
    temp_location: Bucket
    image: str
    machine_type: str | None = None
    max_workers: PositiveInt = 4
    service_account: str | None = None


class _Portable(Section):
    """Code runs in `environment`: a `docker` image, or `external` worker pools that listen at an address.

    `environment_config` is that image or address.
    """

    environment: Literal["docker", "external"]
    environment_config: str


class FlinkConfig(_Portable):
    """A Flink cluster; `master` is host:port of its job manager's REST API, `parallelism` how many
    work at a time.
    """

    runner: Literal["flink"]
    master: str
    parallelism: PositiveInt = 1


class SparkConfig(_Portable):
    """A Spark cluster; `master` is its URL, as spark://host:7077."""

    runner: Literal["spark"]
    master: str


def _runner(config: Any) -> str:
    return config.get("runner", "direct") if isinstance(config, dict) else config.runner


# `runner` may be left out for the step's own machine.
BeamRunnerConfig = Annotated[
    Annotated[DirectRunnerConfig, Tag("direct")]
    | Annotated[DataflowConfig, Tag("dataflow")]
    | Annotated[FlinkConfig, Tag("flink")]
    | Annotated[SparkConfig, Tag("spark")],
    Discriminator(_runner),
]


class BeamConfig(Section):
    """`default` holds for every data step that `steps` does not name, as `Transform` or `Evaluator.dimerec`."""

    default: BeamRunnerConfig = DirectRunnerConfig()
    steps: dict[str, BeamRunnerConfig] = Field(default_factory=dict)
