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
ANY = "<name>"  # in the path of a section that has several, by a name of their own
TAGS = ("kind", "runner")
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


def _section(name: str, path: str, tag: str, definitions: Schema, written: set[tuple[str, str]]) -> Iterator[str]:
    """The section at a path like `model.diffusion.`, if it was not written there before, and those within it."""
    if (name, path) in written or (path.endswith(f"{ANY}.") and any(name == other for other, _ in written)):
        return
    written.add((name, path))
    if path:
        yield f"## `{path.removesuffix('.')}`{tag and f', `{tag}`'}\n"
    yield explanation(sections()[name]) + "\n"
    yield "| key | value | default |\n|---|---|---|"
    section = definitions[name]
    for key, field in section["properties"].items():
        default = "needed" if key in section.get("required", []) else _default(field)
        yield f"| `{path}{key}` | {_value(field)} | {default} |"
    yield ""
    for key, field in section["properties"].items():
        names = _sections_in(field)
        within = f"{path}{key}." + (f"{ANY}." if "additionalProperties" in field else "")
        for each in names:
            yield from _section(each, within, _tag(definitions[each]) if len(names) > 1 else tag, definitions, written)


def _tag(section: Schema) -> str:
    """The key that tells the kinds of a section apart, with its value."""
    return next(f"{key}: {section['properties'][key]['const']}" for key in TAGS if key in section["properties"])


def _sections_in(field: Schema) -> list[str]:
    """Names of the classes that a value, or what it holds, may be of."""
    if "$ref" in field:
        return [field["$ref"].rpartition("/")[2]]
    held = [field[part] for part in ("items", "additionalProperties") if isinstance(field.get(part), dict)]
    return [name for choice in [*held, *_choices(field)] for name in _sections_in(choice)]


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
    if field.get("default", {}) == {} or (_sections_in(field) and field["default"] is not None):
        return ""
    return f"`{json.dumps(field['default'])}`"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(configuration_page(), encoding="utf-8")
