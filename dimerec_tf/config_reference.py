"""The page about the configuration, from its classes: `python -m dimerec_tf.config_reference docs/configuration.md`."""

import inspect
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dimerec_tf.config import Config
from dimerec_tf.config_base import Section

Schema = dict[str, Any]

INTRODUCTION = """\
# Every key

Not edited by hand: `make config-page` writes this page from the classes that read a configuration. A configuration is
a YAML file, and `dimerec_tf/presets/` holds some. Keys with dots are nested: `data.path` is `path` within `data`. A key
may be left out unless the table says "needed". A key that is not on this page, or a value that does not fit, is an
error that names it before anything is read. `null` stands for none.
"""
BOUNDS = {"exclusiveMinimum": "above", "minimum": "from", "exclusiveMaximum": "below", "maximum": "to"}
TYPES = {
    "boolean": "`true` or `false`",
    "integer": "whole number",
    "number": "number",
    "string": "text",
    "null": "`null`",
}


def configuration_page() -> str:
    """Markdown with a heading, what the classes say, and a table of keys, values and defaults for each section."""
    schema = Config.model_json_schema()
    schema["$defs"]["Config"] = schema
    return INTRODUCTION + "\n" + "\n".join(_section("Config", "", "", schema["$defs"], set())) + "\n"


def explanation(section: type[Section]) -> str:
    """What a section's class and those that it builds on say about its keys."""
    classes = [each for each in section.__mro__ if issubclass(each, Section) and each is not Section]
    return "\n\n".join(inspect.cleandoc(each.__doc__ or "") for each in classes)


def sections(base: type[Section] = Section) -> dict[str, type[Section]]:
    """All sections by the name of their class."""
    found: dict[str, type[Section]] = {}
    for section in base.__subclasses__():
        found |= {section.__name__: section, **sections(section)}
    return found


def _section(name: str, path: str, kind: str, definitions: Schema, written: set[tuple[str, str]]) -> Iterator[str]:
    """The section at a path like `model.diffusion.`, if it was not written there before, and those within it."""
    if (name, path) in written:
        return
    written.add((name, path))
    if path:
        yield f"## `{path.removesuffix('.')}`{kind and f', `kind: {kind}`'}\n"
    yield explanation(sections()[name]) + "\n"
    yield "| key | value | default |\n|---|---|---|"
    fields = definitions[name]["properties"]
    for key, field in fields.items():
        yield f"| `{path}{key}` | {_value(field)} | {_default(field)} |"
    yield ""
    for key, field in fields.items():
        names = _sections_in(field)
        for each in names:
            own = definitions[each]["properties"]["kind"]["const"] if len(names) > 1 else kind
            yield from _section(each, f"{path}{key}.", own, definitions, written)


def _sections_in(field: Schema) -> list[str]:
    """Names of the classes that a value may be of."""
    if "$ref" in field:
        return [field["$ref"].rpartition("/")[2]]
    if isinstance(field.get("additionalProperties"), dict):
        return _sections_in(field["additionalProperties"])
    return [name for choice in _choices(field) for name in _sections_in(choice)]


def _choices(field: Schema) -> list[Schema]:
    return field.get("anyOf") or field.get("oneOf") or []


def _value(field: Schema) -> str:
    if "$ref" in field:
        return "section"
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    if "const" in field:
        return f"`{field['const']}`"
    if _choices(field):
        return " or ".join(dict.fromkeys(map(_value, _choices(field))))
    if field["type"] == "array":
        return f"list of {_value(field['items'])}"
    if field["type"] == "object":
        return f"keys, each with {_value(field['additionalProperties'])}"
    bounds = [f"{word} {field[bound]:,}".removesuffix(".0") for bound, word in BOUNDS.items() if bound in field]
    return " ".join([TYPES[field["type"]], *bounds])


def _default(field: Schema) -> str:
    if "default" not in field:
        return "needed"
    return "" if _sections_in(field) and field["default"] is not None else f"`{json.dumps(field['default'])}`"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(configuration_page(), encoding="utf-8")
