"""Which requests may be joined along axis 0, and how, so that each gets the answer it would get alone."""

from collections.abc import Hashable, Mapping, Sequence

import numpy as np

from dimerec_tf.features import HISTORY
from serving.server.limits import K

_WIDE_AS_K = ("item_ids", "scores")

Arrays = Mapping[str, np.ndarray]


def row_count(arrays: Arrays) -> int:
    """The rows of a request: of its longest input, at least 1."""
    return max([1, *(array.shape[0] for array in arrays.values() if array.ndim)])


def fill_defaults(arrays: Arrays, defaults: Arrays) -> Arrays:
    """Repeats defaults of one row for each row of a request.

    Args:
        arrays: the request's inputs by alias, among them defaults of inputs that it does not have.
        defaults: the signature's; only these very arrays are repeated, not equal ones that were sent.
    """
    rows = row_count(arrays)

    def is_short(alias: str, array: np.ndarray) -> bool:
        return array is defaults.get(alias) and array.ndim > 0 and len(array) == 1 < rows

    return {alias: np.repeat(array, rows, 0) if is_short(alias, array) else array for alias, array in arrays.items()}


def joining_key(arrays: Arrays, pad: bool) -> Hashable | None:
    """Requests of one signature with equal keys may be joined; None for a request that has to run alone.

    Alone run: requests with a scalar input, without a row, and with inputs of different numbers of rows (such as one
    row for all). Values may differ, as in TF Serving: each row has its own.

    Args:
        arrays: the inputs by alias.
        pad: whether string inputs may differ in width.
    """
    rows = {array.shape[0] if array.ndim else 0 for array in arrays.values()}
    if len(rows) != 1 or 0 in rows:
        return None
    return tuple(
        (alias, array.dtype.str, array.ndim if pad and array.dtype == object else array.shape[1:])
        for alias, array in sorted(arrays.items())
    )


def join(requests: Sequence[Arrays], rows: int) -> dict[str, np.ndarray]:
    """Stacks requests of one key.

    Args:
        requests: their inputs.
        rows: of the result, at least as many as the requests have; further ones repeat the first.

    Returns:
        Inputs `[rows, ...]`, strings filled up with '' to the widest.
    """
    joined = {alias: _stack([arrays[alias] for arrays in requests]) for alias in requests[0]}
    return {alias: _fill_up(array, rows) for alias, array in joined.items()}


def padding(requests: Sequence[Arrays]) -> int:
    """Values that `join` would fill up rows with."""
    missing = 0
    for alias in requests[0]:
        arrays = [arrays[alias] for arrays in requests]
        widest = np.max([array.shape[1:] for array in arrays], axis=0, initial=0)
        missing += sum(len(array) for array in arrays) * int(np.prod(widest)) - sum(array.size for array in arrays)
    return missing


def split(outputs: Arrays, sizes: Sequence[int], rows: int) -> list[dict[str, np.ndarray]] | None:
    """Undoes `join` on the outputs.

    Args:
        outputs: of the joined run.
        sizes: rows of each request.
        rows: rows of the joined run.

    Returns:
        Each request's outputs; None if an output has no row for each row of input, so that it cannot be split.
    """
    if any(array.ndim == 0 or array.shape[0] != rows for array in outputs.values()):
        return None
    ends = np.cumsum(sizes)
    return [
        {alias: array[end - size : end] for alias, array in outputs.items()}
        for size, end in zip(sizes, ends, strict=True)
    ]


def narrowed(outputs: dict[str, np.ndarray], arrays: Arrays) -> dict[str, np.ndarray]:
    """Of an export's joined answer, the columns that a request would get alone; other answers as they are.

    An export answers with as many columns as the largest `k` of the batch, which may be another request's.

    Args:
        outputs: the request's rows.
        arrays: its inputs.
    """
    if HISTORY not in arrays or K not in arrays:
        return outputs
    widest = int(arrays[K].max())
    return {alias: array[:, :widest] if alias in _WIDE_AS_K else array for alias, array in outputs.items()}


def _stack(arrays: list[np.ndarray]) -> np.ndarray:
    shapes = {array.shape[1:] for array in arrays}
    if len(shapes) == 1:
        return np.concatenate(arrays)
    width = [max(sizes) for sizes in zip(*shapes, strict=True)]
    stacked = np.full([sum(array.shape[0] for array in arrays), *width], b"", object)
    start = 0
    for array in arrays:
        end = start + array.shape[0]
        place = (slice(start, end), *(slice(size) for size in array.shape[1:]))
        stacked[place] = array
        start = end
    return stacked


def _fill_up(array: np.ndarray, rows: int) -> np.ndarray:
    missing = rows - array.shape[0]
    return np.concatenate([array, np.repeat(array[:1], missing, axis=0)]) if missing else array
