"""Loads one version of a model the way TF Serving does: a V1 session and the signatures' tensor names."""

import importlib
from collections.abc import Mapping
from pathlib import Path

import grpc
import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2

from serving.server.errors import ModelLoadError, RequestError
from serving.server.signature import Signature

SAVED_MODEL_FILE = "saved_model.pb"
_SCANN_OPS = b"Scann>"


class LoadedVersion:
    """A SavedModel in memory. `close` must come after the last use of its signatures."""

    def __init__(
        self, session: tf.compat.v1.Session, signature_defs: Mapping[str, meta_graph_pb2.SignatureDef]
    ) -> None:
        self._session = session
        self.signature_defs = dict(signature_defs)
        self._signatures = {
            # Initialisation ops are listed among the signatures, without a method name.
            name: Signature(session, definition)
            for name, definition in signature_defs.items()
            if definition.method_name
        }

    def signature(self, name: str) -> Signature:
        """One of the model's signatures.

        Raises:
            RequestError: there is none of that name.
        """
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
    graph = tf.Graph()
    session = tf.compat.v1.Session(graph=graph)
    try:
        with graph.as_default():
            meta_graph = tf.compat.v1.saved_model.load(session, [tf.saved_model.SERVING], str(path))
        graph.finalize()
        return LoadedVersion(session, _copy_signatures(meta_graph))
    except tf.errors.OpError as error:
        session.close()
        raise ModelLoadError(f"{path} cannot be loaded: {error.message}", error.error_code) from error
    except Exception as error:  # TensorFlow raises many types for a damaged SavedModel
        session.close()
        raise ModelLoadError(f"{path} cannot be loaded: {error}") from error


def _uses_scann(path: Path) -> bool:
    """Looks at bytes: parsing a graph of thousands of nodes would hold up the requests that are being answered."""
    try:
        return _SCANN_OPS in (path / SAVED_MODEL_FILE).read_bytes()
    except OSError as error:
        raise ModelLoadError(f"{path / SAVED_MODEL_FILE} cannot be read: {error}") from error


def _import_scann(path: Path) -> None:
    try:
        importlib.import_module("scann")
    except ImportError as error:
        raise ModelLoadError(
            f"{path} was exported with a ScaNN index, and ScaNN cannot be imported here ({error}). "
            "Install it (pip install 'scann==1.3.2'), or export the exact model, which needs no ScaNN.",
            grpc.StatusCode.FAILED_PRECONDITION.value[0],
        ) from error


def _copy_signatures(meta_graph: meta_graph_pb2.MetaGraphDef) -> dict[str, meta_graph_pb2.SignatureDef]:
    """Copies, so that the graph definition they came with can be freed."""
    copies = {}
    for name, definition in meta_graph.signature_def.items():
        copies[name] = meta_graph_pb2.SignatureDef()
        copies[name].CopyFrom(definition)
    return copies
