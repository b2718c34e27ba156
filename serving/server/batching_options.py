"""The parameters of batching, with TF Serving's names, meaning and defaults."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from serving.server.errors import ServerStartError
from serving.server.proto.batching_parameters_pb2 import BatchingParameters
from serving.server.text_config import read_text_config


@dataclass(frozen=True)
class BatchingOptions:
    """How requests are joined.

    Attributes:
        max_batch_size: the most rows of a batch; a larger request is refused.
        batch_timeout_micros: how long the first request of a batch waits for others, in microseconds. Requests that
            arrive while all threads are busy are joined in any case.
        max_enqueued_batches: how many full batches of one signature may wait; further requests are refused at once.
        num_batch_threads: how many batches run at a time.
        allowed_batch_sizes: ascending; a batch is filled up to the next of them. Empty for any size.
        pad_variable_length_inputs: whether requests whose string inputs differ in width are joined, filled up with ''.
        thread_pool_name: prefix of the threads' names.

    Raises:
        ServerStartError: a value is out of range.
    """

    max_batch_size: int = 1000
    batch_timeout_micros: int = 0
    max_enqueued_batches: int = 10
    num_batch_threads: int = field(default_factory=lambda: os.cpu_count() or 1)
    allowed_batch_sizes: tuple[int, ...] = ()
    pad_variable_length_inputs: bool = False
    thread_pool_name: str = "batch_threads"

    def __post_init__(self) -> None:
        for name, least in (
            ("max_batch_size", 1),
            ("batch_timeout_micros", 0),
            ("max_enqueued_batches", 1),
            ("num_batch_threads", 1),
        ):
            if getattr(self, name) < least:
                raise ServerStartError(f"{name} must be at least {least}, got {getattr(self, name)}.")
        sizes = self.allowed_batch_sizes
        if sizes and (sizes[0] < 1 or list(sizes) != sorted(set(sizes)) or sizes[-1] != self.max_batch_size):
            raise ServerStartError(
                "allowed_batch_sizes must be positive and ascend, and the last must be max_batch_size "
                f"({self.max_batch_size}), got {list(sizes)}."
            )


def read_batching_options(path: Path) -> BatchingOptions:
    """Reads a batching parameters file of TF Serving.

    Raises:
        ServerStartError: it cannot be read, or a value is out of range.
    """
    message = read_text_config(path, BatchingParameters())
    given = {descriptor.name: value for descriptor, value in message.ListFields()}
    sizes = tuple(given.pop("allowed_batch_sizes", ()))
    pad = given.pop("pad_variable_length_inputs", False)
    wrapped = {name: wrapper.value for name, wrapper in given.items()}
    return BatchingOptions(allowed_batch_sizes=sizes, pad_variable_length_inputs=pad, **wrapped)
