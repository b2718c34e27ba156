"""How much one request may ask for."""

from collections.abc import Mapping
from dataclasses import dataclass

import grpc
import numpy as np
from tensorflow.core.framework import tensor_pb2

from serving.server.errors import RequestError

K = "k"
MAX_PADDING = 1 << 18  # values by which rows of different lengths may be filled up, in a request or a batch


@dataclass(frozen=True)
class Limits:
    """The most that a request may ask for, whatever the model could do.

    Attributes:
        history: ids in one history, and in one row of any other input.
        k: recommendations for one history.
        rows: of each input.
    """

    history: int = 10_000
    k: int = 1_000
    rows: int = 1_000

    def check_shapes(self, inputs: Mapping[str, tensor_pb2.TensorProto]) -> None:
        """Raises a `RequestError` for an input that is too large; before it is unpacked, which costs memory."""
        for name, tensor in inputs.items():
            sizes = [dim.size for dim in tensor.tensor_shape.dim]
            _check_size(name, sizes[:1], self.rows, "rows", "Send fewer at once.")
            _check_size(name, sizes[1:], self.history, "ids in a row", "Send the most recent.")

    def check_k(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Raises a `RequestError` if too many recommendations are asked for."""
        k = arrays.get(K)
        if k is not None and k.size and k.max() > self.k:
            raise RequestError(
                grpc.StatusCode.INVALID_ARGUMENT, f"k may be {self.k} at the most on this server, got {k.max()}."
            )


def _check_size(name: str, sizes: list[int], limit: int, of_what: str, advice: str) -> None:
    size = max(sizes, default=0)
    if size > limit:
        raise RequestError(
            grpc.StatusCode.INVALID_ARGUMENT,
            f'Input "{name}" may have {limit} {of_what} on this server, got {size}. {advice}',
        )
