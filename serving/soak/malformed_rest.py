"""REST requests that are wrong: bodies that are no JSON, no request, or no request for this signature."""

import base64
import json
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

_HISTORY = "history_item_ids"
_INVALID = frozenset({400})
_NOT_STRINGS = st.none() | st.booleans() | st.integers() | st.floats()  # NaN and infinities, as Python writes them
_SCALARS = _NOT_STRINGS | st.text(max_size=8)
_JSON = st.recursive(
    _SCALARS,
    lambda part: st.lists(part, max_size=4) | st.dictionaries(st.text(max_size=8), part, max_size=4),
    max_leaves=8,
)
_GOOD_ROW = {_HISTORY: ["a", "b"], "k": 2, "exclude_item_ids": ["c"], "filter_seen": True}


@dataclass(frozen=True)
class MalformedRest:
    """A request, and how it has to be answered.

    Attributes:
        fault: what is wrong with it.
        path: of the URL, percent-encoded by whoever sends it.
        body: to be posted.
        statuses: HTTP statuses that are proper.
    """

    fault: str
    path: str
    body: bytes
    statuses: frozenset[int]


def malformed_rest(name: str, max_k: int) -> st.SearchStrategy[MalformedRest]:
    """Requests without an answer.

    Args:
        name: of a model with the recommender's signature.
        max_k: the most items that it recommends.
    """
    predict = f"/v1/models/{name}:predict"

    def posted(fault: str, documents: st.SearchStrategy[Any]) -> st.SearchStrategy[MalformedRest]:
        return documents.map(lambda document: MalformedRest(fault, predict, _bytes(document), _INVALID))

    good = _bytes({"instances": [_GOOD_ROW]})
    return st.one_of(
        posted("random bytes", st.binary(max_size=200).filter(lambda body: b"{" not in body)),
        posted("cut off", st.integers(0, len(good) - 1).map(lambda end: good[:end])),
        posted("random JSON", _JSON),
        posted("random rows", _JSON.map(lambda value: {"instances": value}).filter(lambda it: not _is_right(it))),
        posted("random columns", _JSON.map(lambda value: {"inputs": value}).filter(lambda it: not _is_right(it))),
        posted("both forms", _JSON.map(lambda value: {"instances": [_GOOD_ROW], "inputs": value})),
        posted("unknown key", _unknown_names({"instances", "inputs", "signature_name"}, {"instances": [_GOOD_ROW]})),
        posted("unknown input", _unknown_names(set(_GOOD_ROW), _GOOD_ROW).map(lambda row: {"instances": [row]})),
        posted(
            "wrong signature", _SCALARS.filter(bool).map(lambda it: {"instances": [_GOOD_ROW], "signature_name": it})
        ),
        posted("wrong history", _changed_row(_HISTORY, _JSON.filter(lambda value: not _are_strings(value)))),
        posted(
            "wrong exclusions", _changed_row("exclude_item_ids", _JSON.filter(lambda value: not _are_strings(value)))
        ),
        posted("wrong k", _changed_row("k", _JSON.filter(lambda value: not _is_whole(value)))),
        posted(
            "wrong filter_seen", _changed_row("filter_seen", _JSON.filter(lambda value: not isinstance(value, bool)))
        ),
        posted("k out of range", _changed_row("k", st.integers(min_value=max_k + 1) | st.integers(max_value=-1))),
        posted("different keys", st.sampled_from(sorted(_GOOD_ROW)).map(_row_without)),
        posted("nested deep", st.integers(17, 100_000).map(lambda depth: b"[" * depth + b"]" * depth)),
        posted("not base64", _changed_row(_HISTORY, st.binary(min_size=1, max_size=9).map(_broken_base64))),
        _lost(name, good),
    )


def _lost(name: str, body: bytes) -> st.SearchStrategy[MalformedRest]:
    """Good bodies for models, versions, labels and verbs that there are not."""
    text = st.text(st.characters(codec="utf-8", exclude_characters="./:?#%"), min_size=1, max_size=12)
    paths = st.one_of(
        text.filter(lambda other: other != name).map(lambda other: f"/v1/models/{other}:predict"),
        st.integers(2**20, 10**25).map(lambda version: f"/v1/models/{name}/versions/{version}:predict"),
        text.map(lambda label: f"/v1/models/{name}/labels/{label}:predict"),
        text.map(lambda verb: f"/v1/models/{name}:no{verb}"),
        text.map(lambda path: f"/{path}"),
    )
    return paths.map(lambda path: MalformedRest("wrong URL", path, body, frozenset({400, 404})))


def _bytes(document: Any) -> bytes:
    return document if isinstance(document, bytes) else json.dumps(document).encode()


def _unknown_names(known: set[str], document: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.text(max_size=12).filter(lambda name: name not in known).map(lambda name: {**document, name: 1})


def _changed_row(name: str, values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return values.map(lambda value: {"instances": [{**_GOOD_ROW, name: value}]})


def _row_without(name: str) -> dict[str, Any]:
    return {"instances": [_GOOD_ROW, {key: value for key, value in _GOOD_ROW.items() if key != name}]}


def _broken_base64(data: bytes) -> list[dict[str, str]]:
    return [{"b64": "!" + base64.b64encode(data).decode()}]


def _are_strings(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(part, str) for part in value)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_right(document: dict[str, Any]) -> bool:
    """Whether chance made a request: random JSON has none of the inputs' names, so it takes none but empty rows."""
    value = next(iter(document.values()))
    return isinstance(value, list) and any(isinstance(row, dict) and _HISTORY in row for row in value)
