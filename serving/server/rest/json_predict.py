"""Predict requests and answers between JSON and protocol buffers."""

import json
from collections.abc import Mapping
from typing import Any

from tensorflow.core.framework import tensor_pb2
from tensorflow.core.protobuf import meta_graph_pb2

from serving.server.own_exports import takes_histories
from serving.server.rest.json_tensors import JsonError, is_base64, to_json, to_tensor

INSTANCES, INPUTS = "instances", "inputs"
_BYTES_PER_VALUE = 16  # in bodies as large as the limit
_ALWAYS_ALLOWED = 1 << 14
_SIGNATURE_NAME = "signature_name"
_KEYS = {INSTANCES, INPUTS, _SIGNATURE_NAME}

InputInfos = Mapping[str, meta_graph_pb2.TensorInfo]
Tensors = dict[str, tensor_pb2.TensorProto]


def max_values(max_bytes: int) -> int:
    """How many values a body may hold where it may have so many bytes."""
    return max(_ALWAYS_ALLOWED, max_bytes // _BYTES_PER_VALUE)


def parse_body(body: bytes, most: int) -> dict[str, Any]:
    """The JSON object of a Predict request.

    Args:
        body: its text.
        most: values that it may hold; they are counted before it is read, which keeps Python's lock.

    Raises:
        JsonError: it holds too many values, is no JSON, or not an object with one of `instances` and `inputs`.
        RecursionError: its lists are nested too deep.
    """
    values = sum(map(body.count, (b",", b"[", b"{")))
    if values > most:
        raise JsonError(f"A body may hold {most} values, this one has {values}: send fewer rows at once")
    try:
        document = json.loads(body, object_pairs_hook=_unique)
    except ValueError as error:
        raise JsonError(f"JSON Parse error: {error}") from error
    if not isinstance(document, dict):
        raise JsonError('The body must be a JSON object, such as {"instances": [...]}')
    unknown = sorted(set(document) - _KEYS)
    if unknown:
        raise JsonError(f"Unknown keys {unknown}: a request holds 'instances' or 'inputs', and 'signature_name'")
    if (INSTANCES in document) == (INPUTS in document):
        raise JsonError("Expecting one of 'inputs' or 'instances' keys, and not both")
    return document


def signature_name(document: dict[str, Any]) -> str:
    """The signature that a request names, '' for the default one.

    Raises:
        JsonError: it is no string.
    """
    name = document.get(_SIGNATURE_NAME, "")
    if not isinstance(name, str):
        raise JsonError("'signature_name' key must be a string value")
    return name


def request_tensors(document: dict[str, Any], infos: InputInfos) -> Tensors:
    """The inputs of a request in row form (`instances`) or column form (`inputs`).

    Raises:
        JsonError: they do not fit the signature's inputs.
    """
    columns = _from_rows(document[INSTANCES], infos) if INSTANCES in document else _columns(document[INPUTS], infos)
    tensors, may_pad = {}, takes_histories(infos)
    for name, value in columns.items():
        if name not in infos:
            raise JsonError(f'There is no input "{name}"; the signature has {", ".join(sorted(infos))}')
        try:
            tensors[name] = to_tensor(value, infos[name], may_pad)
        except JsonError as error:
            raise JsonError(f'Input "{name}": {error}') from error
    return tensors


def response_body(outputs: Mapping[str, tensor_pb2.TensorProto], row_form: bool) -> str:
    """An answer as JSON: `predictions`, an item for each row, or `outputs`, a value for each output.

    The name is left out where the answer has one output only.

    Raises:
        JsonError: an output has no form in JSON, or in row form the outputs differ in their number of rows.
    """
    values = {name: to_json(name, outputs[name]) for name in sorted(outputs)}
    if not row_form:
        return json.dumps({"outputs": values if len(values) > 1 else next(iter(values.values()))})
    sizes = {name: len(value) if isinstance(value, list) else None for name, value in values.items()}
    if None in sizes.values() or len(set(sizes.values())) > 1:
        raise JsonError(f"The outputs have no common number of rows ({sizes}); ask in column form, with 'inputs'")
    if len(values) == 1:
        return json.dumps({"predictions": next(iter(values.values()))})
    rows = zip(*values.values(), strict=True)
    return json.dumps({"predictions": [dict(zip(values, row, strict=True)) for row in rows]})


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) < len(pairs):
        raise ValueError(f"an object repeats one of its keys {sorted(document)}")
    return document


def _from_rows(instances: Any, infos: InputInfos) -> dict[str, Any]:
    if not isinstance(instances, list) or not instances:
        raise JsonError("'instances' must be a list with at least one element")
    named = [isinstance(row, dict) and not is_base64(row) for row in instances]
    if not any(named):
        return {_only_input(INSTANCES, infos): instances}
    if not all(named):
        raise JsonError("Either all elements of 'instances' must be objects or none")
    keys = set(instances[0])
    for position, row in enumerate(instances):
        if set(row) != keys:
            raise JsonError(
                f"Failed to process element: {position} of 'instances' list. It has the keys {sorted(row)}, "
                f"but element 0 has {sorted(keys)}"
            )
    return {name: [row[name] for row in instances] for name in instances[0]}


def _columns(inputs: Any, infos: InputInfos) -> dict[str, Any]:
    if isinstance(inputs, dict) and not is_base64(inputs):
        return inputs
    return {_only_input(INPUTS, infos): inputs}


def _only_input(key: str, infos: InputInfos) -> str:
    if len(infos) != 1:
        raise JsonError(
            f"'{key}' is a plain value or list, but the signature has the inputs {', '.join(sorted(infos))}: "
            "name each in an object"
        )
    return next(iter(infos))
