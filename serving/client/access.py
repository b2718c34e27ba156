"""How clients show who they are and whom they trust, the same over gRPC and REST."""

from collections import namedtuple
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import requests

from dimerec_tf.errors import DimeRecError
from serving.client.loopback import DirectSession, channel_options

HEADER = "authorization"
PEM = b"-----BEGIN"


@dataclass(frozen=True)
class Access:
    """What a server asks for; the default is what one without TLS and token asks for, which is nothing.

    Attributes:
        tls: speak TLS, and trust the authorities that this machine trusts.
        ca_file: PEM certificates to trust instead of those.
        certificate_file: PEM certificate to show to a server that verifies its clients (mTLS).
        key_file: its PEM key, without a password.
        token_file: holds the token that every call carries; white space around it does not count.

    Raises:
        DimeRecError: a file cannot be read, or is given without what it needs.
    """

    tls: bool = False
    ca_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None
    token_file: Path | None = None

    def __post_init__(self) -> None:
        if not self.tls and (self.ca_file or self.certificate_file or self.key_file):
            raise DimeRecError("Certificates and keys are for TLS: switch it on (--tls, Access(tls=True)).")
        if bool(self.certificate_file) != bool(self.key_file):
            raise DimeRecError("A client's certificate and its key belong together: give both files or none.")
        for path in (self.ca_file, self.certificate_file, self.key_file):
            if PEM not in (_read(path) or PEM):
                raise DimeRecError(f"{path} is no PEM file: nothing in it begins with {PEM.decode()}.")
        self._authorization()

    def channel(self, address: str, options: Sequence[tuple[str, Any]] = ()) -> grpc.Channel:
        """A gRPC channel to `host:port`; a proxy of the environment is not asked for this machine's own addresses."""
        direct = channel_options(address, options)
        if self.tls:
            channel = grpc.secure_channel(address, self._credentials(), options=direct)
        else:
            channel = grpc.insecure_channel(address, options=direct)
        authorization = self._authorization()
        return grpc.intercept_channel(channel, _Authorized(authorization)) if authorization else channel

    def aio_channel(self, address: str, options: Sequence[tuple[str, Any]]) -> grpc.aio.Channel:
        """The same for asyncio; its calls have to carry `metadata` themselves."""
        direct = channel_options(address, options)
        if self.tls:
            return grpc.aio.secure_channel(address, self._credentials(), options=direct)
        return grpc.aio.insecure_channel(address, options=direct)

    def metadata(self) -> list[tuple[str, str]]:
        """What a gRPC call has to carry."""
        authorization = self._authorization()
        return [(HEADER, authorization)] if authorization else []

    def url(self, address: str) -> str:
        """The URL of `host:port`; what is a URL already is returned as it is."""
        return address.rstrip("/") if "://" in address else f"{'https' if self.tls else 'http'}://{address}"

    def session(self) -> requests.Session:
        """A session for REST; a proxy is asked as by `channel`."""
        session = _Session()
        if self.ca_file:
            session.verify = str(self.ca_file)
        if self.certificate_file:
            session.cert = (str(self.certificate_file), str(self.key_file))
        if authorization := self._authorization():
            session.headers["Authorization"] = authorization
        return session

    def _credentials(self) -> grpc.ChannelCredentials:
        return grpc.ssl_channel_credentials(_read(self.ca_file), _read(self.key_file), _read(self.certificate_file))

    def _authorization(self) -> str | None:
        if self.token_file is None:
            return None
        token = (_read(self.token_file) or b"").decode("ascii", errors="replace").strip()
        if len(token.split()) != 1 or not token.isascii():
            raise DimeRecError(f"{self.token_file} must hold one token: printable ASCII without spaces.")
        return f"Bearer {token}"


class _Session(DirectSession):
    """Lets `verify` go before REQUESTS_CA_BUNDLE in the environment."""

    def merge_environment_settings(self, url: Any, proxies: Any, stream: Any, verify: Any, cert: Any) -> Any:
        verify = self.verify if verify is None else verify
        return super().merge_environment_settings(url, proxies, stream, verify, cert)


class _Details(
    namedtuple("_Details", ("method", "timeout", "metadata", "credentials", "wait_for_ready", "compression")),
    grpc.ClientCallDetails,
):
    """gRPC leaves it to interceptors to make these."""


class _Authorized(grpc.UnaryUnaryClientInterceptor):
    """Adds the header to every call, also over a connection in the clear, which gRPC's own call credentials refuse."""

    def __init__(self, authorization: str) -> None:
        self._header = (HEADER, authorization)

    def intercept_unary_unary(
        self, continuation: Callable[[grpc.ClientCallDetails, Any], Any], details: Any, request: Any
    ) -> Any:
        metadata = [*(details.metadata or ()), self._header]
        changed = _Details(
            details.method, details.timeout, metadata, details.credentials, details.wait_for_ready, details.compression
        )
        return continuation(changed, request)


def _read(path: Path | None) -> bytes | None:
    if path is None:
        return None
    try:
        return path.read_bytes()
    except OSError as error:
        raise DimeRecError(f"{path} cannot be read: {error.strerror}.") from error


OPEN = Access()
