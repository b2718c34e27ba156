"""Compares the data with the reviewed schema, with the span before, and with what a server was asked."""

import os

import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0.schema_pb2 import Schema
from tensorflow_metadata.proto.v0.statistics_pb2 import DatasetFeatureStatisticsList
from tfx.components.statistics_gen.stats_artifact_utils import load_statistics
from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.types import artifact_utils, standard_artifacts
from tfx.utils import io_utils

from dimerec_tf.config_watching import WatchingConfig
from dimerec_tf.errors import DimeRecError
from dimerec_tf.features import HISTORY, TARGET
from tfx_pipeline.anomalies import ANOMALIES_FILE, describe
from tfx_pipeline.components.sequence_example_gen.events import NEWEST, PREVIOUS

SERVED = "served"  # the split of requests
SKEW_SPLIT = "test"  # its histories are what a server would be asked about next


class DataAnomaly(DimeRecError, ValueError):
    """The data is not as it has to be, and `watching.anomalies` says that this stops the pipeline."""


@component
def DataWatch(
    statistics: InputArtifact[standard_artifacts.ExampleStatistics],
    schema: InputArtifact[standard_artifacts.Schema],
    anomalies: OutputArtifact[standard_artifacts.ExampleAnomalies],
    watching: Parameter[str],
    code_version: Parameter[str],
    requests: InputArtifact[standard_artifacts.ExampleStatistics] = None,
) -> None:
    """Validates every split with TFDV and writes what it found, as TFX's ExampleValidator does.

    `watching` is the JSON of a `WatchingConfig`; `code_version` is part of the cache key;
    `requests` are statistics of the request log, if there is one.

    Raises:
        DataAnomaly: something was found, and it is to stop the pipeline.
    """
    settings = WatchingConfig.model_validate_json(watching)
    splits = artifact_utils.decode_split_names(statistics.split_names)
    anomalies.split_names = statistics.split_names
    anomalies.span = statistics.span
    limits = with_comparators(_read_schema(schema), settings)
    sentences = []
    for split in splits:
        found = tfdv.validate_statistics(
            load_statistics(statistics, split).proto(),
            limits,
            previous_statistics=_of(statistics, PREVIOUS) if split == NEWEST else None,
            serving_statistics=_of(requests, SERVED) if split == SKEW_SPLIT and requests else None,
        )
        file = os.path.join(artifact_utils.get_split_uri([anomalies], split), ANOMALIES_FILE)  # noqa: PTH118
        io_utils.write_bytes_file(file, found.SerializeToString())
        sentences += describe(found, split)
    if sentences and settings.anomalies == "stop":
        raise DataAnomaly(f"watching.anomalies stops the pipeline. {' '.join(sentences)} See docs/daily_data.md.")


def with_comparators(schema: Schema, settings: WatchingConfig) -> Schema:
    """The schema with how far shares of items may move, and by what part the number of users may fall."""
    for name in (HISTORY, TARGET):
        tfdv.get_feature(schema, name).drift_comparator.infinity_norm.threshold = settings.max_drift
    tfdv.get_feature(schema, HISTORY).skew_comparator.infinity_norm.threshold = settings.max_skew
    users = schema.dataset_constraints.num_examples_drift_comparator
    users.min_fraction_threshold = settings.min_users
    return schema


def _of(statistics: standard_artifacts.ExampleStatistics, split: str) -> DatasetFeatureStatisticsList:
    return load_statistics(statistics, split).proto()


def _read_schema(schema: standard_artifacts.Schema) -> Schema:
    return io_utils.SchemaReader().read(io_utils.get_only_uri_in_dir(schema.uri))
