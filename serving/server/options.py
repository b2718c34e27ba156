"""What can be chosen about a server beside its models."""

from dataclasses import dataclass, field
from pathlib import Path

from serving.request_log.request_log import RequestLog
from serving.server.batching_options import BatchingOptions
from serving.server.bearer_token import BearerToken
from serving.server.limits import Limits
from serving.server.served_model import LoadRetries
from serving.server.tls import Tls


@dataclass(frozen=True)
class ServerOptions:
    """Options of `start_server`.

    Attributes:
        batching: how requests are joined; None computes each by itself.
        max_waiting_requests: how many requests may wait for their turn; further ones are refused at once.
        limits: how much one request may ask for.
        max_message_bytes: of a request, over gRPC of a response, too.
        max_rest_body_bytes: of a request over REST, where reading costs more.
        tls: keys and certificates for both ports; None for plain connections.
        token: what callers must show; None for no such check.
        load_retries: of a version that did not load.
        labels_for_unavailable: whether a version label may name a version that is not loaded.
        socket_path: of a Unix socket for gRPC beside its port; None for none.
        rest_address: `host:port` for REST; port 0 takes a free one, None opens none.
        rest_cors: whether pages of other sites may ask over REST.
        rest_cors: bool = False
    rest_timeout_seconds: how long a caller over REST waits for an answer.
        metrics_path: where REST answers Prometheus; None for nowhere.
        request_log: is told of every call, and closed with the server.
    """

    batching: BatchingOptions | None = None
    max_waiting_requests: int = 256
    max_message_bytes: int = 64 * 1024 * 1024
    max_rest_body_bytes: int = 4 * 1024 * 1024
    limits: Limits = field(default_factory=Limits)
    tls: Tls | None = None
    token: BearerToken | None = None
    load_retries: LoadRetries = field(default_factory=LoadRetries)
    labels_for_unavailable: bool = False
    socket_path: Path | None = None
    rest_address: str | None = None
    rest_cors: bool = False
    rest_timeout_seconds: float = 30.0
    metrics_path: str | None = None
    request_log: RequestLog | None = None
