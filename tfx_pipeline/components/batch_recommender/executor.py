"""Beam pipeline of `BatchRecommender`: sequences of all splits -> one history per user -> recommendations -> files."""

import glob
import logging
import os
from typing import Any

import apache_beam as beam
import pyarrow as pa
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.types import artifact_utils
from tfx.types.artifact import Artifact

from dimerec_tf.config_pipeline_steps import BatchRecommenderConfig
from dimerec_tf.data.protocols import SPLIT_NAMES
from tfx_pipeline.components.batch_recommender.recommend import (
    COLD_START,
    METRICS,
    RECOMMENDED,
    Recommend,
    longest,
    read_sequence,
    to_tf_example,
)
from tfx_pipeline.exports import exact_export

SCHEMA = pa.schema(
    [
        ("user_id", pa.string()),
        ("item_ids", pa.list_(pa.string())),
        ("scores", pa.list_(pa.float32())),
        ("cold_start", pa.bool_()),
    ]
)

USERS, COLD_START_USERS = "users", "cold_start_users"


class Executor(BaseBeamExecutor):
    """Writes `recommendations-*.parquet`, or `.tfrecord.gz` of tf.Examples, one row for each user.

    A row has `user_id`, `item_ids` and their `scores`, best first, and `cold_start`. What comes next is asked after the
    user's longest sequence in any split, its target included: with the split `leave_one_out` these are all events.
    """

    def Do(
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """See the class."""
        self._log_startup(input_dict, output_dict, exec_properties)
        recommendations = artifact_utils.get_single_instance(output_dict["recommendations"])
        for name in (USERS, COLD_START_USERS):
            recommendations.set_int_custom_property(name, 0)
        pushed = artifact_utils.get_single_instance(input_dict["pushed_model"])
        if pushed.get_int_custom_property("pushed") != 1:
            logging.warning("The model was not pushed: nothing is recommended by it.")
            return
        settings = BatchRecommenderConfig.model_validate_json(exec_properties["settings"])
        uri = artifact_utils.get_single_uri(input_dict["examples"])
        pipeline = self._make_beam_pipeline()
        with pipeline:
            rows = (
                [
                    pipeline | f"Read[{name}]" >> beam.io.ReadFromTFRecord(glob.escape(f"{uri}/Split-{name}") + "/*")
                    for name in SPLIT_NAMES
                ]
                | "AllSplits" >> beam.Flatten()
                | "Sequences" >> beam.Map(read_sequence)
                | "LongestOfUser" >> beam.CombinePerKey(longest)
                | "Batches" >> beam.BatchElements(settings.batch_size, settings.batch_size)
                | "Recommend"
                >> beam.ParDo(Recommend(exact_export(input_dict["model"]), settings.k, settings.filter_seen))
            )
            _write(rows, os.path.join(recommendations.uri, "recommendations"), settings)  # noqa: PTH118 - may be gs://
        counted = pipeline.result.metrics().query(beam.metrics.MetricsFilter().with_namespace(METRICS))["counters"]
        counts = {metric.key.metric.name: metric.result for metric in counted}
        recommendations.set_int_custom_property(USERS, counts.get(RECOMMENDED, 0))
        recommendations.set_int_custom_property(COLD_START_USERS, counts.get(COLD_START, 0))


def _write(rows: beam.PCollection, prefix: str, settings: BatchRecommenderConfig) -> None:
    shards = settings.shards or 0  # 0: Beam chooses
    if settings.format == "parquet":
        _ = rows | "Write" >> beam.io.WriteToParquet(prefix, SCHEMA, num_shards=shards, file_name_suffix=".parquet")
    else:
        _ = (
            rows
            | "Examples" >> beam.Map(to_tf_example)
            | "Write" >> beam.io.WriteToTFRecord(prefix, num_shards=shards, file_name_suffix=".tfrecord.gz")
        )
