"""A SavedModel in memory, loaded and run by TensorFlow's C++ code, as in TF Serving.

TensorFlow's Python loader keeps Python's lock for tens of milliseconds at a time while it builds a graph, and whatever
is asked meanwhile waits. Its C API does the same work without that lock.
"""

import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from ctypes import Array, c_char_p, c_void_p, string_at
from pathlib import Path
from typing import Protocol

import grpc
import numpy as np

from serving.server.c_api import Output, TensorFlowError, checked, quick, slow
from serving.server.meta_graph import read_meta_graph
from serving.server.native_tensors import array_of, delete_tensor, new_tensor
from serving.server.pace import Pace


class Run(Protocol):
    """Computes from an array for each feed, within the seconds that somebody waits for it."""

    def __call__(self, arrays: Sequence[np.ndarray], seconds: float | None = None) -> list[np.ndarray]: ...


class Session:
    """Runs a graph; any number of threads may at once.

    Args:
        path: the SavedModel's directory.
        tag: of the graph to load from it.

    Attributes:
        meta_graph: what the SavedModel says of the graph, without the graph.

    Raises:
        TensorFlowError: it cannot be loaded.
    """

    def __init__(self, path: Path, tag: str) -> None:
        self._graph = quick.TF_NewGraph()
        options, meta_graph = quick.TF_NewSessionOptions(), quick.TF_NewBuffer()
        tags = (c_char_p * 1)(tag.encode())
        try:
            with checked() as status:
                self._session = slow.TF_LoadSessionFromSavedModel(
                    options, None, str(path).encode(), tags, len(tags), self._graph, meta_graph, status
                )
            content = string_at(meta_graph.contents.data, meta_graph.contents.length)
        except TensorFlowError:
            slow.TF_DeleteGraph(self._graph)
            raise
        finally:
            quick.TF_DeleteSessionOptions(options)
            quick.TF_DeleteBuffer(meta_graph)
        self._free = weakref.finalize(self, _free, self._session, self._graph)
        self._free.atexit = False  # threads may be running it still
        self.meta_graph = read_meta_graph(content)

    def prepare(self, feeds: Sequence[tuple[str, int]], fetches: Sequence[str]) -> Run:
        """What computes the fetches.

        It raises `TensorFlowError` when the graph refuses or fails, or did not get ready in time.

        Args:
            feeds: names and types of tensors such as `serving_default_k:0`.
            fetches: names of tensors.

        Raises:
            KeyError: the graph has no such tensor.
        """
        types = [dtype for _, dtype in feeds]
        pace = Pace()
        sources, targets = self._outputs([name for name, _ in feeds]), self._outputs(fetches)

        def run(arrays: Sequence[np.ndarray], seconds: float | None = None) -> list[np.ndarray]:
            if not self._free.alive:
                raise TensorFlowError(grpc.StatusCode.UNAVAILABLE.value[0], "The model has been unloaded.")
            with _tensors(arrays, types) as inputs, _empty(len(fetches)) as outputs:
                cells = sum(array.size for array in arrays)
                with pace.options(cells, seconds) as options, checked() as status:
                    slow.TF_SessionRun(
                        self._session,
                        options,
                        sources,
                        (c_void_p * len(inputs))(*inputs),
                        len(inputs),
                        targets,
                        outputs,
                        len(targets),
                        None,
                        0,
                        None,
                        status,
                    )
                return [array_of(output) for output in outputs if output is not None]

        return run

    def close(self) -> None:
        """Frees the model's memory; nothing may run it any more."""
        self._free()

    def _outputs(self, names: Sequence[str]) -> "Array[Output]":
        outputs = []
        for name in names:
            operation, _, index = name.partition(":")
            found = quick.TF_GraphOperationByName(self._graph, operation.encode())
            if not found or int(index) >= quick.TF_OperationNumOutputs(found):
                raise KeyError(f"The graph has no tensor {name!r}.")
            outputs.append(Output(found, int(index)))
        return (Output * len(outputs))(*outputs)


@contextmanager
def _tensors(arrays: Sequence[np.ndarray], types: Sequence[int]) -> Iterator[list[int]]:
    made: list[int] = []
    try:
        for array, dtype in zip(arrays, types, strict=True):
            made.append(new_tensor(array, dtype))
        yield made
    finally:
        for tensor in made:
            delete_tensor(tensor)


@contextmanager
def _empty(number: int) -> Iterator["Array[c_void_p]"]:
    """Room for the tensors that a run puts there, which are given up after the block."""
    places = (c_void_p * number)()
    try:
        yield places
    finally:
        for tensor in places:
            if tensor is not None:
                delete_tensor(tensor)


def _free(session: int, graph: int) -> None:
    with checked() as status:
        slow.TF_CloseSession(session, status)
    with checked() as status:
        slow.TF_DeleteSession(session, status)
    slow.TF_DeleteGraph(graph)
