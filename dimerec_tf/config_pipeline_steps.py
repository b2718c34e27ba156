"""The pipeline's steps around a trained model: what it must stand before a push, and what follows one."""

from typing import Annotated, Literal

from pydantic import Field

from dimerec_tf.config_base import PositiveInt, Section

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class ServingCheckConfig(Section):
    """What a model must stand in the process that serves it, each export of it for itself.

    It is asked after `histories` of the test split, one by one, whose answers must be those of the SavedModel, and then
    by `concurrency` callers for `seconds`. The 99th percentile of a call's milliseconds may not exceed `max_p99_ms`,
    nor an export's size on disk `max_megabytes` (of 10^6 bytes).
    """

    histories: PositiveInt = 100
    concurrency: PositiveInt = 1
    seconds: Positive = 3.0
    max_p99_ms: Positive = 1000.0
    max_megabytes: Positive | None = None


class InfraValidatorConfig(Section):
    """TFX's InfraValidator: loads the exact export in TF Serving's image of the `tag` and asks it for `examples`.

    It starts the image with Docker on this machine (`platform: local_docker`), or in the `kubernetes` cluster in which
    the pipeline runs, waits `max_loading_seconds` for the model, and makes so many `tries`.
    """

    tag: str = "2.16.1"
    platform: Literal["local_docker", "kubernetes"] = "local_docker"
    examples: PositiveInt = 10
    max_loading_seconds: PositiveInt = 300
    tries: PositiveInt = 2


class BatchRecommenderConfig(Section):
    """The best `k` items for every user of the log, by each model that is pushed.

    They are written in the `format` `parquet`, or `tfrecord`, gzipped files of tf.Examples, to so many `shards` (left
    out, Beam chooses), with `filter_seen` without the items of the history. The model answers `batch_size` users at a
    time.
    """

    k: PositiveInt = 50
    filter_seen: bool = True
    format: Literal["parquet", "tfrecord"] = "parquet"
    shards: PositiveInt | None = None
    batch_size: PositiveInt = 256


class StepsConfig(Section):
    """`infra_validation` says which step a model has to pass beside the Evaluator before it is pushed. Without a
    `batch_recommender` there is no such step.
    """

    infra_validation: Literal["serving_check", "infra_validator", "none"] = "serving_check"
    serving_check: ServingCheckConfig = ServingCheckConfig()
    infra_validator: InfraValidatorConfig = InfraValidatorConfig()
    batch_recommender: BatchRecommenderConfig | None = None
