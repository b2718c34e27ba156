"""ExampleGen from a BigQuery query instead of files."""

from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

import apache_beam as beam
from tfx.components.example_gen import utils
from tfx.components.example_gen.component import QueryBasedExampleGen
from tfx.components.example_gen.driver import QueryBasedDriver
from tfx.dsl.components.base.executor_spec import BeamExecutorSpec
from tfx.proto import example_gen_pb2, range_config_pb2
from tfx.types.standard_component_specs import INPUT_CONFIG_KEY, RANGE_CONFIG_KEY
from tfx.utils import proto_utils

from dimerec_tf.config_data import DataConfig
from dimerec_tf.data.log_reader import LogError, read_rows
from tfx_pipeline.components.sequence_example_gen.events import FAILURES, READ, batch_outputs
from tfx_pipeline.components.sequence_example_gen.executor import Executor, Source
from tfx_pipeline.components.sequence_example_gen.settings import Settings, output_splits, require_pipeline_split
from tfx_pipeline.components.sequence_example_gen.spans import Span

ROWS = "the query's rows"
BATCH_ROWS = 1 << 16


class QueryDriver(QueryBasedDriver):
    """The span of a query is the last day (UTC) that has ended; TFX runs it once for each."""

    def resolve_exec_properties(self, exec_properties: dict[str, Any], *where: Any) -> dict[str, Any]:
        day = last_day()
        only = range_config_pb2.StaticRange(start_span_number=day, end_span_number=day)
        of_day = proto_utils.proto_to_json(range_config_pb2.RangeConfig(static_range=only))
        return super().resolve_exec_properties({**exec_properties, RANGE_CONFIG_KEY: of_day}, *where)


class QueryExecutor(Executor):
    """Reads rows through Beam's BigQuery reader. They have no order: events of one user and time come in any."""

    def _source(self, settings: Settings, exec_properties: dict[str, Any]) -> Source:
        day = exec_properties.get(utils.SPAN_PROPERTY_NAME) or last_day()  # Kubeflow runs no driver of a query
        input_config = example_gen_pb2.Input()
        proto_utils.json_to_proto(exec_properties[INPUT_CONFIG_KEY], input_config)
        query = utils.get_query_for_span(input_config.splits[0].pattern, int(day))
        span = Span(int(day), None, f"the query of {utils.span_number_to_date(int(day))}", "")
        return Source([span], {ROWS: span.number}, _Rows(query, settings.data))


class QueryExampleGen(QueryBasedExampleGen):
    """`SequenceExampleGen` for `data.query`; arguments as there.

    The query may have TFX's `@span_begin_timestamp` and `@span_end_timestamp`, seconds since 1970 UTC at the last day's
    ends, and `@span_yyyymmdd_utc`.
    """

    EXECUTOR_SPEC = BeamExecutorSpec(QueryExecutor)
    DRIVER_CLASS = QueryDriver

    def __init__(self, data: DataConfig, rejected_dir: str, code_version: str) -> None:
        require_pipeline_split(data)
        super().__init__(
            input_config=utils.make_default_input_config(data.query),
            output_config=output_splits(),
            custom_config=Settings(data, data.query, rejected_dir).pack(code_version),
        )


class _Rows(beam.PTransform):
    def __init__(self, query: str, data: DataConfig) -> None:
        super().__init__()
        self._query = query
        self._data = data

    def expand(self, pipeline: beam.Pipeline) -> Any:
        rows = (
            pipeline
            | "Query" >> beam.io.ReadFromBigQuery(query=self._query, use_standard_sql=True)
            | "Batch" >> beam.BatchElements(max_batch_size=BATCH_ROWS)
        )
        return rows | "ReadRows" >> beam.ParDo(ReadRows(self._data)).with_outputs(*READ, main="events")


@beam.typehints.with_output_types(tuple[str, Any])
class ReadRows(beam.DoFn):
    """Rows as dictionaries -> what `ReadEvents` gives for a file."""

    def __init__(self, data: DataConfig) -> None:
        self._data = data

    def process(self, rows: list[dict[str, Any]]) -> Iterator[Any]:
        try:
            yield from batch_outputs(read_rows(ROWS, rows, self._data))
        except LogError as error:
            yield beam.pvalue.TaggedOutput(FAILURES, str(error))


def last_day() -> int:
    """The last day (UTC) that has ended, in days since 1970-01-01."""
    today = datetime.now(timezone.utc).date()
    return utils.date_to_span_number(today.year, today.month, today.day) - 1
