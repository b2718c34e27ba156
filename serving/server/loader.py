"""Loads one version of a model the way TF Serving does: a session and the signatures' tensor names."""

import logging
from pathlib import Path

import grpc
import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2

from dimerec_tf.scann_library import ScannUnusable, scann_module
from serving.server.c_api import TensorFlowError
from serving.server.errors import ModelLoadError, RequestError
from serving.server.session import Session
from serving.server.signature import Signature

logger = logging.getLogger(__name__)

SAVED_MODEL_FILE = "saved_model.pb"
_SCANN_OPS = b"Scann>"


class LoadedVersion:
    """A SavedModel in memory. `close` must come after the last use of its signatures.

    A signature that cannot be served, such as one with a sparse input, is left out, and a request for it told why.

    Raises:
        ValueError: none of its signatures can be served.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self.signature_defs = dict(session.meta_graph.signature_def)
        self._signatures: dict[str, Signature] = {}
        self._left_out: dict[str, str] = {}
        for name, definition in self.signature_defs.items():
            if not definition.method_name:  # initialisation ops are listed among the signatures
                continue
            try:
                self._signatures[name] = Signature(session, definition)
            except (KeyError, ValueError) as error:
                self._left_out[name] = f'Signature "{name}" cannot be served: {error.args[0]}.'
        if self._left_out and not self._signatures:
            raise ValueError(" ".join(self._left_out.values()))
        for reason in self._left_out.values():
            logger.warning("%s", reason)

    def signature(self, name: str) -> Signature:
        """One of the model's signatures.

        Raises:
            RequestError: there is none of that name, or it cannot be served.
        """
        if name in self._left_out:
            raise RequestError(grpc.StatusCode.UNIMPLEMENTED, self._left_out[name])
        signature = self._signatures.get(name)
        if signature is None:
            raise RequestError(grpc.StatusCode.FAILED_PRECONDITION, f'Serving signature key "{name}" not found.')
        return signature

    def close(self) -> None:
        """Frees the model's memory."""
        self._session.close()


def load_version(path: Path) -> LoadedVersion:
    """Loads a SavedModel directory into a graph of its own.

    Raises:
        ModelLoadError: it cannot be read, or needs ScaNN and ScaNN is not installed.
    """
    if _uses_scann(path):
        _import_scann(path)
    try:
        session = Session(path, tf.saved_model.SERVING)
    except TensorFlowError as error:
        raise ModelLoadError(f"{path / SAVED_MODEL_FILE} cannot be loaded: {error}", error.code) from error
    try:
        _check_variables(path, session.meta_graph)
        return LoadedVersion(session)
    except (KeyError, ValueError) as error:
        session.close()
        raise ModelLoadError(f"{path / SAVED_MODEL_FILE} cannot be loaded: {error}") from error


def _check_variables(path: Path, meta_graph: meta_graph_pb2.MetaGraphDef) -> None:
    """TensorFlow leaves a model's variables without values when their files are not there."""
    index = path / "variables" / "variables.index"
    if meta_graph.HasField("saver_def") and not index.is_file():
        raise ValueError(f"its variables are missing, there is no {index}")


def _uses_scann(path: Path) -> bool:
    """Looks at bytes: parsing a graph of thousands of nodes would hold up the requests that are being answered."""
    try:
        return _SCANN_OPS in (path / SAVED_MODEL_FILE).read_bytes()
    except OSError as error:
        raise ModelLoadError(f"{path / SAVED_MODEL_FILE} cannot be read: {error}") from error


def _import_scann(path: Path) -> None:
    try:
        scann_module("scann")
    except ScannUnusable as error:
        raise ModelLoadError(
            f"{path} was exported with a ScaNN index. {error}", grpc.StatusCode.FAILED_PRECONDITION.value[0]
        ) from error
