"""What became of a log, in files beside the rows set aside, and the verdict on it."""

import glob
import json
from collections.abc import Sequence

import apache_beam as beam
import tensorflow as tf
from tfx.dsl.io import fileio
from tfx.types import Artifact, artifact_utils

from dimerec_tf.data.log_files import LogError
from dimerec_tf.data.protocols import SPLIT_NAMES
from dimerec_tf.data.rejects import REJECTED_FILE, SUMMARY_FILE, Summary
from dimerec_tf.data.splits import no_events, no_examples
from tfx_pipeline.components.sequence_example_gen.events import CUT_EVENTS, CUT_USERS, DOUBT, KEPT, REPEATS
from tfx_pipeline.components.sequence_example_gen.settings import Settings
from tfx_pipeline.components.sequence_example_gen.spans import Span

FAILURES_FILE = "failures.txt"
SPANS_FILE = "spans.json"
SPANS = "spans"


def remove_reports(settings: Settings) -> None:
    """Removes those of an earlier run."""
    fileio.makedirs(settings.rejected_dir)
    for name in (REJECTED_FILE, SUMMARY_FILE, SPANS_FILE, FAILURES_FILE):
        if fileio.exists(settings.file(name)):
            fileio.remove(settings.file(name))


def write_reports(
    rejected: tuple[beam.PCollection, ...],
    counts: tuple[beam.PCollection, ...],
    found: beam.PCollection,
    failures: tuple[beam.PCollection, ...],
    settings: Settings,
) -> None:
    """Adds the steps that write them, one file each.

    Args:
        rejected: (reason, row as JSON).
        counts: (what is counted, number), see `Summary`.
        found: (span number, number of its events).
        failures: sentences; without one there is no file.
        settings: where to.
    """
    one_file = {"num_shards": 1, "shard_name_template": ""}
    rows = rejected | "AllRejected" >> beam.Flatten()
    _ = (
        rows
        | "RejectedLines" >> beam.Values()
        | "WriteRejected" >> beam.io.WriteToText(settings.file(REJECTED_FILE), **one_file)
    )
    for label, counted, file, as_text in (
        ("Summary", (rows | "OneOfReason" >> beam.Map(_one_of_reason), *counts), SUMMARY_FILE, _summary_text),
        ("Spans", (found,), SPANS_FILE, _spans_text),
    ):
        _ = (
            counted
            | f"All{label}" >> beam.Flatten()
            | f"Add{label}" >> beam.CombinePerKey(sum)
            | f"List{label}" >> beam.combiners.ToList()
            | f"{label}Text" >> beam.Map(as_text)
            | f"Write{label}" >> beam.io.WriteToText(settings.file(file), **one_file)
        )
    _ = (
        failures
        | "AllFailures" >> beam.Flatten()
        | "WriteFailures" >> beam.io.WriteToText(settings.file(FAILURES_FILE), skip_if_empty=True, **one_file)
    )


def judge(settings: Settings, spans: Sequence[Span], examples: Artifact) -> None:
    """Reads the reports, refuses a log by them, and describes its spans in the examples' properties.

    Raises:
        LogError: the log could not be read or split, gives no example for a split, or its newest span is empty.
        TooManyBadRows: more rows were set aside than `data.max_bad_fraction` allows.
    """
    if fileio.exists(settings.file(FAILURES_FILE)):
        raise LogError(min(_read(settings, FAILURES_FILE).splitlines()))
    summary = Summary.from_json(_read(settings, SUMMARY_FILE))
    summary.tell_doubts()
    summary.check(settings.data.max_bad_fraction, settings.rejected_dir)
    newest = spans[-1]
    if not summary.kept:
        raise no_events(settings.data.path or newest.pattern, dict(summary.rejected))
    events = json.loads(_read(settings, SPANS_FILE))
    if not events.get(str(newest.number)):
        raise LogError(
            f"The newest span of the log, {newest.pattern}, has no valid event: write it anew, or remove it to train "
            "on the spans before it."
        )
    for name in SPLIT_NAMES:
        files = tf.io.gfile.glob(glob.escape(artifact_utils.get_split_uri([examples], name)) + "/*")
        if not list(tf.data.TFRecordDataset(files, compression_type="GZIP").take(1)):
            raise no_examples(settings.data, name)
    if settings.data.window or settings.data.query:
        _describe(examples, spans, events)


def _describe(examples: Artifact, spans: Sequence[Span], events: dict[str, int]) -> None:
    newest = spans[-1]
    examples.span = newest.number
    if newest.version is not None:
        examples.version = newest.version
    described = [
        {
            "span": span.number,
            "version": span.version,
            "files": span.pattern,
            "events": events.get(str(span.number), 0),
        }
        for span in spans
    ]
    examples.set_string_custom_property(SPANS, json.dumps(described))


def _read(settings: Settings, name: str) -> str:
    with fileio.open(settings.file(name)) as stream:
        text: str = stream.read()
    return text


def _one_of_reason(row: tuple[str, str]) -> tuple[str, int]:
    return row[0], 1


def _summary_text(counts: list[tuple[str, int]]) -> str:
    by_name = dict(counts)
    kept, users, events, repeats = (by_name.pop(name, 0) for name in (KEPT, CUT_USERS, CUT_EVENTS, REPEATS))
    doubtful = {name.removeprefix(DOUBT): by_name.pop(name) for name in [*by_name] if name.startswith(DOUBT)}
    return Summary(kept, by_name, users, events, repeats, doubtful).to_json().rstrip()


def _spans_text(counts: list[tuple[int, int]]) -> str:
    return json.dumps({str(span): events for span, events in sorted(counts)})
