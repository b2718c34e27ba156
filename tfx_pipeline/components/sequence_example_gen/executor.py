"""Beam pipeline of `SequenceExampleGen`: files -> events per user -> order, duplicates, splits -> examples."""

import os
from typing import Any, NamedTuple

import apache_beam as beam
from tfx.components.example_gen.base_example_gen_executor import BaseExampleGenExecutor
from tfx.components.util import examples_utils
from tfx.proto import example_gen_pb2
from tfx.types import Artifact, artifact_utils
from tfx.types.standard_component_specs import EXAMPLES_KEY, INPUT_BASE_KEY

from dimerec_tf.config_data import DataConfig
from dimerec_tf.data.comparable import join_marks
from dimerec_tf.data.log_files import ENDINGS, NOTICES, LogError, LogFiles, choose_files
from dimerec_tf.data.periods import Periods
from dimerec_tf.data.protocols import SPLIT_NAMES
from tfx_pipeline.components.sequence_example_gen.events import (
    COUNTS,
    DOUBTS,
    FAILURES,
    FOUND,
    MARKS,
    NEWEST,
    PREVIOUS,
    READ,
    REJECTED,
    TEST,
    TIMES,
    AddTimes,
    Comparable,
    ReadEvents,
    ResolveBoundaries,
    SplitUser,
    find_files,
    with_period,
)
from tfx_pipeline.components.sequence_example_gen.packs import LatestEvents
from tfx_pipeline.components.sequence_example_gen.reports import judge, remove_reports, write_reports
from tfx_pipeline.components.sequence_example_gen.settings import Settings
from tfx_pipeline.components.sequence_example_gen.spans import Span

ALL_FILES = "*"


class Source(NamedTuple):
    """A log: its spans, oldest first, the number of each file's, and a transform with the outputs of `ReadEvents`."""

    spans: list[Span]
    span_of: dict[str, int]
    read: beam.PTransform


class Executor(BaseExampleGenExecutor):
    """Writes splits train, eval and test, one example per user at most.

    Of a log with spans the newest one and the one before it are splits too, to be compared: what a user did in them.

    Features: `user_id` bytes[1], `history_item_ids` bytes[n], n >= 0, oldest first, `target_item_id` bytes[1]; in the
    test split also `target_period` bytes[1], which of the periods of equally many targets this one's lies in. The
    content of a split depends on the log alone; with one in-memory worker so does the order of its rows, which is why
    nothing is shuffled here.
    """

    def GetInputSourceToExamplePTransform(self) -> beam.PTransform:
        """Not used: TFX's own way cannot give a user's events to different splits."""
        raise NotImplementedError("SequenceExampleGen makes its splits in its Do.")

    def Do(
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Runs the pipeline, then judges the log by the reports.

        Raises:
            LogError: the log cannot be read or split, its newest span is empty, or it gives no example for a split.
            TooManyBadRows: more rows were set aside than `data.max_bad_fraction` allows.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        settings = Settings.unpack(exec_properties)
        source = self._source(settings, exec_properties)
        remove_reports(settings)
        examples = artifact_utils.get_single_instance(output_dict[EXAMPLES_KEY])
        with self._make_beam_pipeline() as pipeline:
            splits = self._split(pipeline, settings, source)
            examples.split_names = artifact_utils.encode_split_names(list(splits))
            for name, split in splits.items():
                prefix = os.path.join(artifact_utils.get_split_uri([examples], name), "data_tfrecord")  # noqa: PTH118
                split | f"Write[{name}]" >> beam.io.WriteToTFRecord(prefix, file_name_suffix=".gz")
        examples_utils.set_payload_format(examples, example_gen_pb2.FORMAT_TF_EXAMPLE)
        examples_utils.set_file_format(examples, "tfrecords_gzip")
        judge(settings, source.spans, examples)

    def _source(self, settings: Settings, exec_properties: dict[str, Any]) -> Source:
        spans = settings.spans(exec_properties)
        span_of = _log_files(exec_properties[INPUT_BASE_KEY], settings, spans)
        return Source(spans, span_of, _Files(list(span_of), settings.data))

    def _split(self, pipeline: beam.Pipeline, settings: Settings, source: Source) -> dict[str, beam.PCollection]:
        """Builds the pipeline; rows set aside, their counts and failures go to files on the way."""
        spans, span_of, read_all = source
        compared = {spans[-2].number: PREVIOUS, spans[-1].number: NEWEST} if len(spans) > 1 else {}
        names = (*SPLIT_NAMES, *compared.values())
        split_of = {file: compared[span] for file, span in span_of.items() if span in compared}
        read = pipeline | "Read" >> read_all
        judged = (
            read[MARKS]
            | "AddMarks" >> beam.CombineGlobally(join_marks)
            | "Comparable" >> beam.ParDo(Comparable()).with_outputs(FAILURES, main="verdict")
        )
        comparable = beam.pvalue.AsSingleton(judged["verdict"])
        failures = [read[FAILURES], judged[FAILURES]]
        boundaries = None
        if settings.data.split.kind == "global_time":
            resolved = (
                read[TIMES]
                | "AddTimes" >> beam.CombineGlobally(AddTimes())
                | "Boundaries"
                >> beam.ParDo(ResolveBoundaries(settings.data.split), comparable).with_outputs(FAILURES, main="all")
            )
            boundaries = beam.pvalue.AsSingleton(resolved["all"])
            failures.append(resolved[FAILURES])
        split = SplitUser(settings.data, split_of)
        users = (
            read["events"]
            | "ByUser" >> beam.CombinePerKey(LatestEvents(settings.data.max_user_events))
            | "Split" >> beam.ParDo(split, comparable, boundaries).with_outputs(REJECTED, COUNTS, *names)
        )
        found = read[FOUND] | "OfSpan" >> beam.Map(lambda counted: (span_of[counted[0]], counted[1]))
        rejected, counts = (read[REJECTED], users[REJECTED]), (users[COUNTS], read[DOUBTS])
        write_reports(rejected, counts, found, tuple(failures), settings)
        return {name: _with_periods(users[name]) if name == TEST else users[name] for name in names}


class _Files(beam.PTransform):
    def __init__(self, files: list[str], data: DataConfig) -> None:
        super().__init__()
        self._files = files
        self._data = data

    def expand(self, pipeline: beam.Pipeline) -> Any:
        files = (
            pipeline
            | "Files" >> beam.Create([(file, None) for file in self._files])
            | "OneFileOneWorker" >> beam.GroupByKey()
            | "FileNames" >> beam.Keys()
        )
        return files | "Events" >> beam.ParDo(ReadEvents(self._data)).with_outputs(*READ, main="events")


def _with_periods(timed: beam.PCollection) -> beam.PCollection:
    """(time of the target, serialised example) -> serialised examples, each with the period of its time."""
    periods = (
        timed
        | "TargetTimes" >> beam.Keys()
        | "AllTargetTimes" >> beam.combiners.ToList()
        | "Periods" >> beam.Map(Periods.of)
    )
    return timed | "WithPeriod" >> beam.Map(with_period, beam.pvalue.AsSingleton(periods))


def _log_files(base: str, settings: Settings, spans: list[Span]) -> dict[str, int]:
    """Names of the files to read, each with the number of its span."""
    span_of = {}
    for span in spans:
        files = find_files(base, span.pattern)
        if span.pattern.endswith(ALL_FILES):
            files = _chosen(base, span.pattern, files)
        span_of.update(dict.fromkeys(files, span.number))
    if not span_of:
        raise LogError(f"No log at {base}/{settings.pattern}: data.path needs files ending in {ENDINGS}.")
    return span_of


def _chosen(base: str, pattern: str, files: list[str]) -> list[str]:
    """Those of a directory's files that are read; people are told which these are."""
    below = find_files(base, f"{pattern}/{ALL_FILES}")
    names = {"/".join(file.split("/")[-depth:]): file for depth, each in ((1, files), (2, below)) for file in each}
    place = (files or below or [base])[0].rsplit("/", 1 if files else 2)[0]
    chosen = choose_files(place, names)
    NOTICES.info(LogFiles([names[name] for name in chosen.read], chosen.left_out).notice(place))
    return [names[name] for name in chosen.read]
