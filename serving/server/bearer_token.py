"""A shared secret that callers must show."""

import hmac
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc

from serving.server.errors import ServerStartError
from serving.server.refusal import refuse

HEADER = "authorization"
SCHEME = "bearer"
TOKEN_ASKED = "This server asks for a token: send the header 'authorization: Bearer TOKEN' with the right one."
_OPEN = "/grpc.health.v1.Health/"


class BearerToken:
    """A secret, and how to tell whether somebody knows it."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def accepts(self, header: str | bytes | None) -> bool:
        """Whether the value of an `authorization` header is `Bearer` with the secret."""
        text = header.encode() if isinstance(header, str) else header or b""
        scheme, _, secret = text.partition(b" ")
        return hmac.compare_digest(secret.strip(), self._secret) and scheme.lower() == SCHEME.encode()


class RequireToken(grpc.ServerInterceptor):
    """Answers UNAUTHENTICATED to calls without the token; the health service is open, for probes."""

    def __init__(self, token: BearerToken) -> None:
        self._token = token
        self._refuse = refuse(grpc.StatusCode.UNAUTHENTICATED, TOKEN_ASKED)

    def intercept_service(
        self, continuation: Callable[[grpc.HandlerCallDetails], Any], handler_call_details: grpc.HandlerCallDetails
    ) -> Any:
        if handler_call_details.method.startswith(_OPEN):
            return continuation(handler_call_details)
        headers = dict(handler_call_details.invocation_metadata)
        return continuation(handler_call_details) if self._token.accepts(headers.get(HEADER)) else self._refuse


def read_token(path: Path) -> BearerToken:
    """Reads a token from a file; white space around it does not count.

    Raises:
        ServerStartError: the file cannot be read, or its text cannot be a token.
    """
    try:
        secret = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ServerStartError(f"The token in {path} cannot be read: {error}") from error
    if not secret or len(secret.split()) != 1:
        raise ServerStartError(f"{path} must hold one token: printable ASCII without spaces.")
    return BearerToken(secret)
