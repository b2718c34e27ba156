"""Beam pipeline of `SequenceExampleGen`: files -> events per user -> order, duplicates, splits -> examples."""

import os
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import tensorflow as tf
from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Struct
from tfx.components.example_gen.base_example_gen_executor import BaseExampleGenExecutor
from tfx.components.util import examples_utils
from tfx.dsl.io import fileio
from tfx.proto import example_gen_pb2
from tfx.types import Artifact, artifact_utils
from tfx.types.standard_component_specs import (
    CUSTOM_CONFIG_KEY,
    EXAMPLES_KEY,
    INPUT_BASE_KEY,
    INPUT_CONFIG_KEY,
)
from tfx.utils import proto_utils

from dimerec_tf.config import DataConfig
from dimerec_tf.data.log_reader import LOG_SUFFIXES, LogError, is_log_file
from dimerec_tf.data.periods import Periods
from dimerec_tf.data.protocols import SPLIT_NAMES
from dimerec_tf.data.rejects import REJECTED_FILE, SUMMARY_FILE, Summary
from dimerec_tf.data.splits import no_events, no_examples
from tfx_pipeline.components.sequence_example_gen.events import (
    FAILURES,
    KEPT,
    REJECTED,
    TIMES,
    AddTimes,
    ReadEvents,
    ResolveBoundaries,
    SplitUser,
    find_files,
    with_period,
)

ALL_FILES = "*"
FAILURES_FILE = "failures.txt"


@dataclass(frozen=True)
class Settings:
    """What the component packed into `custom_config`."""

    data: DataConfig
    rejected_dir: str

    @classmethod
    def unpack(cls, exec_properties: dict[str, Any]) -> "Settings":
        custom_config, settings = example_gen_pb2.CustomConfig(), Struct()
        proto_utils.json_to_proto(exec_properties[CUSTOM_CONFIG_KEY], custom_config)
        custom_config.custom_config.Unpack(settings)
        values = MessageToDict(settings)
        return cls(DataConfig.model_validate_json(values["data"]), values["rejected_dir"])

    def file(self, name: str) -> str:
        """A file in the directory for rows set aside."""
        return os.path.join(self.rejected_dir, name)  # noqa: PTH118 - may be a gs:// address


class Executor(BaseExampleGenExecutor):
    """Writes splits train, eval and test, one example per user at most.

    Features: `user_id` bytes[1], `history_item_ids` bytes[n], n >= 0, oldest first, `target_item_id` bytes[1]; in the
    test split also `target_period` bytes[1], which of the periods of equally many targets this one's lies in. The
    content of a split depends on the log alone; with one in-memory worker so does the order of its rows, which is why
    nothing is shuffled here.
    """

    def GetInputSourceToExamplePTransform(self) -> beam.PTransform:
        """Not used: TFX's own way cannot give a user's events to different splits."""
        raise NotImplementedError("SequenceExampleGen makes its splits in GenerateExamplesByBeam.")

    def GenerateExamplesByBeam(
        self, pipeline: beam.Pipeline, exec_properties: dict[str, Any]
    ) -> dict[str, beam.PCollection]:
        """Builds the pipeline; rows set aside, their counts and failures go to files on the way.

        Raises:
            LogError: there is no file to read.
        """
        settings = Settings.unpack(exec_properties)
        files = (
            pipeline
            | "Files" >> beam.Create([(file, None) for file in _log_files(exec_properties)])
            | "OneFileOneWorker" >> beam.GroupByKey()
            | "FileNames" >> beam.Keys()
        )
        read = files | "Read" >> beam.ParDo(ReadEvents(settings.data)).with_outputs(
            TIMES, REJECTED, FAILURES, main="events"
        )
        failures = [read[FAILURES]]
        boundaries = None
        if settings.data.split.kind == "global_time":
            resolved = (
                read[TIMES]
                | "AddTimes" >> beam.CombineGlobally(AddTimes())
                | "Boundaries" >> beam.ParDo(ResolveBoundaries(settings.data.split)).with_outputs(FAILURES, main="all")
            )
            boundaries = beam.pvalue.AsSingleton(resolved["all"])
            failures.append(resolved[FAILURES])
        users = (
            read["events"]
            | "ByUser" >> beam.GroupByKey()
            | "Split" >> beam.ParDo(SplitUser(settings.data), boundaries).with_outputs(REJECTED, KEPT, *SPLIT_NAMES)
        )
        _write_reports((read[REJECTED], users[REJECTED]), users[KEPT], tuple(failures), settings)
        *untimed, test = SPLIT_NAMES
        return {
            **{name: users[name] | f"Untimed[{name}]" >> beam.Values() for name in untimed},
            test: _with_periods(users[test]),
        }

    def Do(
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Runs the pipeline, then judges the log by the reports.

        Raises:
            LogError: the log cannot be read or split, or gives no example for a split.
            TooManyBadRows: more rows were set aside than `data.max_bad_fraction` allows.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        settings = Settings.unpack(exec_properties)
        fileio.makedirs(settings.rejected_dir)
        for name in (REJECTED_FILE, SUMMARY_FILE, FAILURES_FILE):
            if fileio.exists(settings.file(name)):
                fileio.remove(settings.file(name))
        examples = artifact_utils.get_single_instance(output_dict[EXAMPLES_KEY])
        examples.split_names = artifact_utils.encode_split_names(list(SPLIT_NAMES))
        with self._make_beam_pipeline() as pipeline:
            for name, split in self.GenerateExamplesByBeam(pipeline, exec_properties).items():
                prefix = os.path.join(artifact_utils.get_split_uri([examples], name), "data_tfrecord")  # noqa: PTH118
                split | f"Write[{name}]" >> beam.io.WriteToTFRecord(prefix, file_name_suffix=".gz")
        examples_utils.set_payload_format(examples, example_gen_pb2.FORMAT_TF_EXAMPLE)
        examples_utils.set_file_format(examples, "tfrecords_gzip")
        _judge(settings, examples)


def _log_files(exec_properties: dict[str, Any]) -> list[str]:
    base, input_config = exec_properties[INPUT_BASE_KEY], example_gen_pb2.Input()
    proto_utils.json_to_proto(exec_properties[INPUT_CONFIG_KEY], input_config)
    pattern = input_config.splits[0].pattern
    files = [file for file in find_files(base, pattern) if pattern != ALL_FILES or is_log_file(file)]
    if not files:
        raise LogError(f"No log at {base}/{pattern}: data.path needs files ending in {', '.join(LOG_SUFFIXES)}.")
    return files


def _with_periods(timed: beam.PCollection) -> beam.PCollection:
    """(time of the target, serialised example) -> serialised examples, each with the period of its time."""
    periods = (
        timed
        | "TargetTimes" >> beam.Keys()
        | "AllTargetTimes" >> beam.combiners.ToList()
        | "Periods" >> beam.Map(Periods.of)
    )
    return timed | "WithPeriod" >> beam.Map(with_period, beam.pvalue.AsSingleton(periods))


def _write_reports(
    rejected: tuple[beam.PCollection, ...],
    kept: beam.PCollection,
    failures: tuple[beam.PCollection, ...],
    settings: Settings,
) -> None:
    """Writes rejected rows, the summary, and failures if there are any: one file each."""
    one_file = {"num_shards": 1, "shard_name_template": ""}
    rows = rejected | "AllRejected" >> beam.Flatten()
    _ = (
        rows
        | "RejectedLines" >> beam.Values()
        | "WriteRejected" >> beam.io.WriteToText(settings.file(REJECTED_FILE), **one_file)
    )
    counts = (
        (
            rows | "OneOfReason" >> beam.Map(lambda row: (row[0], 1)),
            kept | "KeptEvents" >> beam.Map(lambda number: (KEPT, number)),
        )
        | "AllCounts" >> beam.Flatten()
        | "AddCounts" >> beam.CombinePerKey(sum)
    )
    _ = (
        counts
        | "ListCounts" >> beam.combiners.ToList()
        | "Summary" >> beam.Map(_summary_text)
        | "WriteSummary" >> beam.io.WriteToText(settings.file(SUMMARY_FILE), **one_file)
    )
    _ = (
        failures
        | "AllFailures" >> beam.Flatten()
        | "WriteFailures" >> beam.io.WriteToText(settings.file(FAILURES_FILE), skip_if_empty=True, **one_file)
    )


def _summary_text(counts: list[tuple[str, int]]) -> str:
    by_name = dict(counts)
    return Summary(by_name.pop(KEPT, 0), by_name).to_json().rstrip()


def _judge(settings: Settings, examples: Artifact) -> None:
    if fileio.exists(settings.file(FAILURES_FILE)):
        with fileio.open(settings.file(FAILURES_FILE)) as stream:
            raise LogError(min(stream.read().splitlines()))
    with fileio.open(settings.file(SUMMARY_FILE)) as stream:
        summary = Summary.from_json(stream.read())
    summary.check(settings.data.max_bad_fraction, settings.rejected_dir)
    if not summary.kept:
        raise no_events(settings.data.path, dict(summary.rejected))
    for name in SPLIT_NAMES:
        files = tf.io.gfile.glob(f"{artifact_utils.get_split_uri([examples], name)}/*")
        if not list(tf.data.TFRecordDataset(files, compression_type="GZIP").take(1)):
            raise no_examples(settings.data, name)
