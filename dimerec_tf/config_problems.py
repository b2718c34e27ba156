"""What is wrong with a configuration, key by key, in words for who wrote it."""

import re
from collections.abc import Iterator
from typing import Any, get_args

from pydantic import ValidationError

from dimerec_tf.config_base import Section
from dimerec_tf.suggestions import did_you_mean

Place = tuple[int | str, ...]
LONGEST_VALUE = 200


def problem_lines(error: ValidationError) -> list[str]:
    """A line for each key that is wrong: where, what is wrong, what was received, and what may have been meant."""
    return [
        f"  {place}: {text} (received {_shortened(received)}).{hint}"
        for place, text, received, hint in _problems(error)
    ]


def _problems(error: ValidationError, within: Place = ()) -> Iterator[tuple[str, str, Any, str]]:
    for problem in error.errors():
        place, cause = (*within, *problem["loc"]), problem.get("ctx", {}).get("error")
        if isinstance(cause, ValidationError):  # of the section of a kind of model
            yield from _problems(cause, place)
        else:
            yield _key(place), problem["msg"], problem["input"], _hint(error.title, problem)


def _hint(title: str, problem: Any) -> str:
    if problem["type"] == "extra_forbidden":
        *sections, typed = problem["loc"]
        return did_you_mean(typed, _known_keys(title, sections))
    if problem["type"] == "literal_error":
        return did_you_mean(problem["input"], re.findall(r"'([^']*)'", problem["ctx"]["expected"]))
    return ""


def _known_keys(title: str, sections: list[int | str]) -> set[str]:
    """Keys of the section at a place in the one that pydantic calls by its class's name."""
    kinds = {kind for kind in _all_sections(Section) if kind.__name__ == title}
    for part in sections:
        fields = [kind.model_fields[part] for kind in kinds if isinstance(part, str) and part in kind.model_fields]
        if fields:  # else the place in a list, or the name of a kind
            kinds = {kind for field in fields for kind in _sections_in(field.annotation)}
    return {key for kind in kinds for key in kind.model_fields}


def _all_sections(kind: type[Section]) -> Iterator[type[Section]]:
    yield kind
    for further in kind.__subclasses__():
        yield from _all_sections(further)


def _sections_in(annotation: Any) -> Iterator[type[Section]]:
    """Those that a key may hold; where it has kinds, all that are loaded."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        yield from _all_sections(annotation)
    for part in get_args(annotation):
        yield from _sections_in(part)


def _key(place: Place) -> str:
    """A key as it stands in the file, without the name of the kind that pydantic puts behind what has kinds."""
    kinds: dict[Place, int] = {("beam", "default"): 2, ("beam", "steps"): 3}
    kind = kinds.get(place[:2])
    return ".".join(str(part) for index, part in enumerate(place) if index != kind) or "config"


def _shortened(received: Any) -> str:
    text = repr(received)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}..."
