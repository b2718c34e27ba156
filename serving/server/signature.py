"""One runnable signature of a loaded SavedModel."""

from collections.abc import Mapping, Sequence

import grpc
import numpy as np
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2
from tensorflow.core.protobuf import meta_graph_pb2

from serving.server.c_api import TensorFlowError
from serving.server.call import too_late
from serving.server.errors import RequestError, status_code
from serving.server.metrics import measured_run
from serving.server.own_exports import takes_histories
from serving.server.session import Run, Session
from serving.server.tensors import decode, dtype_name, encode

MAX_CHOICES = 64  # of outputs, beyond which all are computed and those that were asked for are picked
_TF_SUFFIX = "\n\t [[{{"


class Signature:
    """Checks requests against a signature, reads, computes and writes them. Any number of threads may share it.

    Args:
        session: holds the loaded graph.
        definition: names the graph's tensors.

    Attributes:
        defaults: values of inputs that a request may leave out.
        takes_histories: whether it is one of our exports', so that our rules hold for it.

    Raises:
        KeyError, ValueError: an input or output is no dense tensor of the graph, or a default value cannot be read.
    """

    def __init__(self, session: Session, definition: meta_graph_pb2.SignatureDef) -> None:
        _check_dense(definition)
        self._session = session
        self._definition = definition
        self.takes_histories = takes_histories(definition.inputs)
        self._shapes = {alias: tf.TensorShape(info.tensor_shape) for alias, info in definition.inputs.items()}
        self._prepared: dict[tuple[str, ...], Run] = {}
        self._prepare(tuple(sorted(definition.outputs)))
        self.defaults = {alias: decode(proto) for alias, proto in definition.defaults.items()}

    def read(self, inputs: Mapping[str, tensor_pb2.TensorProto]) -> dict[str, np.ndarray]:
        """The inputs of a request as arrays, with the defaults of those that are missing.

        Raises:
            RequestError: the request does not fit the signature.
        """
        self._check_names(set(inputs))
        return {**self.defaults, **{alias: self._read(alias, proto) for alias, proto in inputs.items()}}

    def wanted(self, output_filter: Sequence[str]) -> list[str]:
        """The outputs that a request asks for: those of its filter, all if it has none.

        Raises:
            RequestError: an output is unknown or named twice.
        """
        asked: set[str] = set()
        for alias in output_filter:
            if alias not in self._definition.outputs:
                raise RequestError(
                    grpc.StatusCode.INVALID_ARGUMENT,
                    f"output tensor alias not found in signature: {alias} "
                    f"Outputs expected to be in the set {{{_join(set(self._definition.outputs))}}}.",
                )
            if alias in asked:
                raise RequestError(grpc.StatusCode.INVALID_ARGUMENT, f"duplicate output tensor alias: {alias}")
            asked.add(alias)
        return list(output_filter) or sorted(self._definition.outputs)

    def compute(
        self, arrays: Mapping[str, np.ndarray], aliases: Sequence[str], seconds: float | None = None
    ) -> dict[str, np.ndarray]:
        """Runs the graph once.

        Args:
            arrays: a value for each input.
            aliases: the outputs to compute.
            seconds: that somebody waits for them; None for ever.

        Raises:
            RequestError: the graph refused or failed, or was not ready in time.
        """
        fetched, run = self._run_for(aliases)
        try:
            with measured_run(arrays.values()):
                values = run([arrays[alias] for alias in self._shapes], seconds)
        except TensorFlowError as error:
            if error.code == grpc.StatusCode.DEADLINE_EXCEEDED.value[0]:
                raise too_late() from error
            raise RequestError(status_code(error.code), _graph_message(str(error))) from error
        computed = dict(zip(fetched, values, strict=True))
        return {alias: computed[alias] for alias in aliases}

    def write(self, values: Mapping[str, np.ndarray]) -> dict[str, tensor_pb2.TensorProto]:
        """Outputs as messages."""
        return {alias: encode(value, self._definition.outputs[alias].dtype) for alias, value in values.items()}

    def _run_for(self, aliases: Sequence[str]) -> tuple[tuple[str, ...], Run]:
        """A run that computes at least these outputs; TensorFlow keeps something for each choice of them for ever."""
        fetched = tuple(sorted(aliases))
        if fetched not in self._prepared and len(self._prepared) >= MAX_CHOICES:
            fetched = tuple(sorted(self._definition.outputs))
        return fetched, self._prepared.get(fetched) or self._prepare(fetched)

    def _prepare(self, aliases: tuple[str, ...]) -> Run:
        inputs, outputs = self._definition.inputs, self._definition.outputs
        run = self._session.prepare(
            [(inputs[alias].name, inputs[alias].dtype) for alias in self._shapes],
            [outputs[alias].name for alias in aliases],
        )
        return self._prepared.setdefault(aliases, run)

    def _check_names(self, sent: set[str]) -> None:
        known = set(self._shapes)
        unknown, missing = sent - known, known - sent - set(self.defaults)
        if not unknown and not missing:
            return
        sizes_fit = len(sent) == len(known) or (len(sent) < len(known) and self.defaults)
        if unknown and sizes_fit:
            message = (
                f"input tensor alias not found in signature: {_join(unknown)}. "
                f"Inputs expected to be in the set {{{_join(known)}}}."
            )
        else:
            message = (
                f"input size does not match signature: {len(sent)}!={len(known)} len({{{_join(sent)}}}) "
                f"!= len({{{_join(known)}}}). Sent extra: {{{_join(unknown)}}}. "
                f"Missing but required: {{{_join(missing)}}}."
            )
        raise RequestError(grpc.StatusCode.INVALID_ARGUMENT, message)

    def _read(self, alias: str, proto: tensor_pb2.TensorProto) -> np.ndarray:
        try:
            array = decode(proto)
        except ValueError as error:
            raise RequestError(grpc.StatusCode.INVALID_ARGUMENT, f"tensor parsing error: {alias}: {error}.") from error
        info, shape = self._definition.inputs[alias], self._shapes[alias]
        fits = not self.takes_histories or shape.is_compatible_with(array.shape)  # of others TensorFlow is the judge
        if proto.dtype != info.dtype or not fits:
            raise RequestError(
                grpc.StatusCode.INVALID_ARGUMENT,
                f'Input "{alias}" must be {dtype_name(info.dtype)} of shape {_shape_text(shape)}, '
                f"but {dtype_name(proto.dtype)} of shape {list(array.shape)} was received.",
            )
        if self.takes_histories and array.shape[0] == 0:
            raise RequestError(grpc.StatusCode.INVALID_ARGUMENT, f'Input "{alias}" has no rows. Send one row at least.')
        return array


def _check_dense(definition: meta_graph_pb2.SignatureDef) -> None:
    for alias, info in [*definition.inputs.items(), *definition.outputs.items()]:
        if info.WhichOneof("encoding") != "name":
            kind = "sparse" if info.WhichOneof("encoding") == "coo_sparse" else "composite"
            raise ValueError(f'"{alias}" is a {kind} tensor, and only dense ones can be sent')


def _join(names: set[str]) -> str:
    return ",".join(sorted(names))


def _shape_text(shape: tf.TensorShape) -> str:
    if shape.rank is None:
        return "any rank"
    return "[" + ", ".join("?" if size is None else str(size) for size in shape) + "]"


def _graph_message(message: str) -> str:
    """Leaves out where in the graph the op stands that failed."""
    return message.split(_TF_SUFFIX, maxsplit=1)[0]
