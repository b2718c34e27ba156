"""A log from BigQuery, with a source of rows in the place of Beam's reader."""

import json
from datetime import datetime, timedelta, timezone

import apache_beam as beam
import pytest
from tfx.orchestration import data_types
from tfx.types import standard_artifacts

from dimerec_tf.config import ConfigError, parse_config
from dimerec_tf.config_data import DataConfig
from dimerec_tf.data.log_reader import LogError
from dimerec_tf.data.protocols import UserExample
from tests.tfx_pipeline.test_sequence_example_gen import BEAM_ARGS, Output
from tfx_pipeline.components.sequence_example_gen import query
from tfx_pipeline.components.sequence_example_gen.query import QueryDriver, QueryExampleGen, QueryExecutor, last_day
from tfx_pipeline.components.sequence_example_gen.reports import SPANS

QUERY = "SELECT user_id, item_id, timestamp FROM shop.events WHERE timestamp < TIMESTAMP_SECONDS(@span_end_timestamp)"
NOON = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)
ROWS = [
    {"user_id": user, "item_id": item, "timestamp": NOON + timedelta(seconds=second)}
    for user, item, second in [("u", 3, 2), ("w", 1, 0), ("u", 1, 0), ("u", 2, 1), ("u", None, 4), ("u", 4, 3)]
]


def run(folder, rows: list[dict], monkeypatch, asked: list[str]) -> Output:
    class Reader(beam.PTransform):
        def __init__(self, query: str, use_standard_sql: bool) -> None:
            super().__init__()
            assert use_standard_sql
            asked.append(query)

        def expand(self, pipeline):
            return pipeline | beam.Create(rows)

    monkeypatch.setattr(beam.io, "ReadFromBigQuery", Reader)
    component = QueryExampleGen(DataConfig(query=QUERY, max_bad_fraction=0.5), str(folder / "rejected"), "1")
    pipeline = data_types.PipelineInfo("", "")
    where = pipeline, data_types.ComponentInfo("", "", pipeline)
    properties = QueryDriver(metadata_handle=None).resolve_exec_properties(dict(component.exec_properties), *where)
    examples = standard_artifacts.Examples()
    examples.uri = str(folder / "examples")
    executor = QueryExecutor(QueryExecutor.Context(make_beam_pipeline_fn=lambda: beam.Pipeline(argv=BEAM_ARGS)))
    executor.Do({}, {"examples": [examples]}, properties)
    return Output(examples, folder / "rejected")


def test_rows_become_sequences_of_the_last_day_that_has_ended(tmp_path, monkeypatch):
    asked: list[str] = []
    output = run(tmp_path, ROWS, monkeypatch, asked)
    assert output.split("train") == [UserExample("u", ["1"], ["2"]), UserExample("w", [], ["1"])]
    assert output.split("test") == [UserExample("u", ["1", "2", "3"], ["4"])]
    midnight = datetime.now(timezone.utc).replace(hour=0, minute=0, second=0, microsecond=0)
    assert asked == [QUERY.replace("@span_end_timestamp", str(int(midnight.timestamp())))]
    (span,) = json.loads(output.examples.get_string_custom_property(SPANS))
    assert (span["span"], span["events"]) == (last_day(), 5)
    assert "missing item id" in (output.rejected / "rejected.jsonl").read_text()


def test_times_of_a_query_are_compared_and_read_like_those_of_files(tmp_path, monkeypatch):
    """BigQuery's text of a TIMESTAMP; one float among whole numbers; text beside numbers in another batch."""
    texts = [{**row, "timestamp": f"{row['timestamp']:%Y-%m-%d %H:%M:%S} UTC"} for row in ROWS]
    assert run(tmp_path / "texts", texts, monkeypatch, []).split("test") == [UserExample("u", ["1", "2", "3"], ["4"])]
    nanoseconds = [{**row, "timestamp": 1.7e18} for row in ROWS]
    with pytest.raises(LogError, match=r"the query's rows has 64-bit floats like 1\.7e\+18 in row \d and row \d"):
        run(tmp_path / "floats", nanoseconds, monkeypatch, [])
    monkeypatch.setattr(query, "BATCH_ROWS", 1)
    mixed = [*ROWS, {"user_id": "u", "item_id": 9, "timestamp": 1_767_225_600}]
    with pytest.raises(LogError, match=r"a number in row 1 \(1767225600\), .* a date and time in row 1 \(2026-01-01T"):
        run(tmp_path / "mixed", mixed, monkeypatch, [])


def test_a_query_without_a_column_is_refused(tmp_path, monkeypatch):
    rows = [{"user": "u", "item_id": "a", "timestamp": 1}]
    with pytest.raises(LogError, match=r"the query's rows has no column 'user_id'"):
        run(tmp_path, rows, monkeypatch, [])


def test_a_query_without_rows_is_refused(tmp_path, monkeypatch):
    with pytest.raises(LogError, match=r"The log the query of .* has no valid event"):
        run(tmp_path, [], monkeypatch, [])


def test_a_log_has_one_source():
    with pytest.raises(ConfigError, match="path and query are both set"):
        parse_config({"data": {"path": "log.csv", "query": QUERY}})
