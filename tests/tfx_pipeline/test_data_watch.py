"""Watching data: a schema that is broken, spans that drift, requests that differ, and what stops the pipeline."""

from collections import Counter
from pathlib import Path

import pytest
import tensorflow as tf
import tensorflow_data_validation as tfdv
from tfx.types import artifact_utils, standard_artifacts

from dimerec_tf.config_watching import WatchingConfig
from dimerec_tf.data.protocols import UserExample
from tfx_pipeline.anomalies import read_anomalies
from tfx_pipeline.components.data_watch import SERVED, DataAnomaly, DataWatch
from tfx_pipeline.components.sequence_example_gen.events import to_tf_example
from tfx_pipeline.local_runner import SCHEMA

EVEN = [
    UserExample(f"u{user}", [f"i{(user + step) % 10}" for step in range(4)], [f"i{user % 10}"]) for user in range(40)
]
ONE_ITEM = [UserExample(example.user_id, ["i3"] * 4, ["i3"]) for example in EVEN]


def statistics(folder: Path, **splits: list[UserExample]) -> standard_artifacts.ExampleStatistics:
    artifact = standard_artifacts.ExampleStatistics()
    artifact.uri = str(folder)
    artifact.split_names = artifact_utils.encode_split_names(list(splits))
    for name, examples in splits.items():
        place = folder / f"Split-{name}"
        place.mkdir(parents=True)
        with tf.io.TFRecordWriter(str(place / "examples")) as writer:
            for example in examples:
                writer.write(to_tf_example(example).SerializeToString())
        found = tfdv.generate_statistics_from_tfrecord(str(place / "examples"))
        (place / "FeatureStats.pb").write_bytes(found.SerializeToString())
    return artifact


def watch(folder: Path, found: standard_artifacts.ExampleStatistics, requests=None, **settings) -> list[str]:
    schema, anomalies = standard_artifacts.Schema(), standard_artifacts.ExampleAnomalies()
    schema.uri, anomalies.uri = str(folder / "schema"), str(folder / "anomalies")
    Path(schema.uri).mkdir(parents=True)
    (Path(schema.uri) / "schema.pbtxt").write_text(SCHEMA.read_text())
    inputs = {"statistics": [found], "schema": [schema], **({"requests": [requests]} if requests else {})}
    properties = {"watching": WatchingConfig(**settings).model_dump_json(), "code_version": "1"}
    try:
        DataWatch.EXECUTOR_SPEC.executor_class().Do(inputs, {"anomalies": [anomalies]}, properties)
    finally:
        written = [file.parent.name for file in Path(anomalies.uri).rglob("SchemaDiff.pb")]
        assert Counter(written) == Counter(
            f"Split-{name}" for name in artifact_utils.decode_split_names(found.split_names)
        )
    return read_anomalies(anomalies.uri)


def test_data_as_it_has_to_be_says_nothing(tmp_path):
    found = statistics(tmp_path / "stats", test=EVEN, previous=EVEN, newest=EVEN[:25])
    requests = statistics(tmp_path / "requests", **{SERVED: EVEN})
    assert watch(tmp_path, found, requests, anomalies="stop") == []


def test_an_item_whose_share_moves_between_spans_is_named(tmp_path):
    found = statistics(tmp_path / "stats", test=EVEN, previous=EVEN, newest=ONE_ITEM)
    history, target = watch(tmp_path, found, max_drift=0.2)
    assert history.startswith("history_item_ids in the newest split: ") and "i3" in history
    assert target.startswith("target_item_id in the newest split: ") and "0.2" in target
    assert watch(tmp_path / "wider", found, max_drift=0.95) == []


def test_a_span_with_far_fewer_users_is_told(tmp_path):
    found = statistics(tmp_path / "stats", previous=EVEN, newest=EVEN[:10])
    (sentence,) = watch(tmp_path, found, min_users=0.5)
    assert sentence.startswith("data set in the newest split: ")
    assert watch(tmp_path / "lower", found, min_users=0.25) == []


def test_requests_about_other_items_are_told(tmp_path):
    found = statistics(tmp_path / "stats", train=EVEN, test=EVEN)
    requests = statistics(tmp_path / "requests", **{SERVED: ONE_ITEM})
    (sentence,) = watch(tmp_path, found, requests, max_skew=0.2)
    assert sentence.startswith("history_item_ids in the test split: ") and "i3" in sentence


def test_a_broken_schema_stops_the_pipeline_where_it_is_asked_to(tmp_path):
    no_target = [UserExample(example.user_id, example.history, []) for example in EVEN]
    found = statistics(tmp_path / "stats", train=EVEN, test=[*EVEN, *no_target])
    (sentence,) = watch(tmp_path / "warned", found)
    assert sentence.startswith("target_item_id in the test split: ")
    with pytest.raises(DataAnomaly) as stopped:
        watch(tmp_path / "stopped", found, anomalies="stop")
    assert str(stopped.value).startswith("watching.anomalies stops the pipeline. target_item_id in the test split: ")
