"""The reviewed schema as a step of the pipeline."""

from pathlib import Path

from tfx.dsl.component.experimental.annotations import OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.types.standard_artifacts import Schema


@component
def ReviewedSchema(text: Parameter[str], schema: OutputArtifact[Schema]) -> None:
    """Writes the schema. Its text is a setting and so part of the cache key: an edit is never served from the cache."""
    Path(schema.uri, "schema.pbtxt").write_text(text, encoding="utf-8")
