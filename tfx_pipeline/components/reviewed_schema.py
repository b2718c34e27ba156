"""The reviewed schema as a step of the pipeline."""

import os

from tfx.dsl.component.experimental.annotations import OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.types.standard_artifacts import Schema
from tfx.utils import io_utils


@component
def ReviewedSchema(text: Parameter[str], schema: OutputArtifact[Schema]) -> None:
    """Writes the schema. Its text is a setting and so part of the cache key: an edit is never served from the cache."""
    io_utils.write_string_file(os.path.join(schema.uri, "schema.pbtxt"), text)  # noqa: PTH118 - may be a gs:// address
