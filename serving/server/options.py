"""What can be chosen about a server beside its models."""

from dataclasses import dataclass

from serving.server.batching_options import BatchingOptions


@dataclass(frozen=True)
class ServerOptions:
    """Options of `start_server`.

    Attributes:
        batching: how requests are joined; None computes each by itself.
        max_waiting_requests: how many requests may wait for a thread; further ones are refused at once.
        max_message_bytes: of a request or a response.
        labels_for_unavailable: whether a version label may name a version that is not loaded.
    """

    batching: BatchingOptions | None = None
    max_waiting_requests: int = 256
    max_message_bytes: int = 64 * 1024 * 1024
    labels_for_unavailable: bool = False
