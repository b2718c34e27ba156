"""How much one request may ask for."""

from collections.abc import Mapping
from dataclasses import dataclass

import grpc
import numpy as np
from tensorflow.core.framework import tensor_pb2

from dimerec_tf.features import HISTORY
from serving.server.errors import RequestError

K = "k"


@dataclass(frozen=True)
class Limits:
    """The most that a request may ask for, whatever the model could do.

    Attributes:
        history: ids in one history.
        k: recommendations for one history.
    """

    history: int = 10_000
    k: int = 1_000

    def check_history(self, inputs: Mapping[str, tensor_pb2.TensorProto]) -> None:
        """Raises a `RequestError` for a history that is too long; before it is unpacked, which costs memory."""
        dims = inputs[HISTORY].tensor_shape.dim if HISTORY in inputs else []
        if len(dims) > 1 and dims[-1].size > self.history:
            raise RequestError(
                grpc.StatusCode.INVALID_ARGUMENT,
                f'Input "{HISTORY}" may have {self.history} ids in a row on this server, got {dims[-1].size}. '
                "Send the most recent.",
            )

    def check_k(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Raises a `RequestError` if too many recommendations are asked for."""
        k = arrays.get(K)
        if k is not None and k.size and k.max() > self.k:
            raise RequestError(
                grpc.StatusCode.INVALID_ARGUMENT, f"k may be {self.k} at the most on this server, got {k.max()}."
            )
