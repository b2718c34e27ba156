"""TLS from TF Serving's SSL config file."""

import ssl
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile

import grpc

from serving.server.errors import ServerStartError
from serving.server.proto.ssl_config_pb2 import SSLConfig
from serving.server.text_config import read_text_config


@dataclass(frozen=True)
class Tls:
    """The server's key and certificate, and whom it trusts, as each protocol's library takes them."""

    grpc: grpc.ServerCredentials
    rest: ssl.SSLContext


def read_tls(path: Path) -> Tls:
    """Reads the server's key and certificate, and whether clients must show a certificate signed by `custom_ca`.

    Raises:
        ServerStartError: the file cannot be read, something is missing from it, or it holds no valid PEM.
    """
    config = read_text_config(path, SSLConfig())
    if not config.server_key or not config.server_cert:
        raise ServerStartError(f"{path} must hold server_key and server_cert, each as PEM text.")
    if config.client_verify and not config.custom_ca:
        raise ServerStartError(f"{path} has client_verify, but no custom_ca to verify the clients' certificates with.")
    try:
        context = _context(config)
    except ssl.SSLError as error:
        raise ServerStartError(
            f"The keys or certificates in {path} cannot be used ({error}). They must be PEM text, the key without a "
            "password, and the key must be the certificate's."
        ) from error
    return Tls(_credentials(config), context)


def _credentials(config: SSLConfig) -> grpc.ServerCredentials:
    return grpc.ssl_server_credentials(
        [(config.server_key.encode(), config.server_cert.encode())],
        root_certificates=config.custom_ca.encode() or None,
        require_client_auth=config.client_verify,
    )


def _context(config: SSLConfig) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with NamedTemporaryFile("w") as file:  # readable by its owner only; the ssl module takes keys from files alone
        file.write(f"{config.server_key}\n{config.server_cert}\n")
        file.flush()
        context.load_cert_chain(file.name, password="")  # without one, it would ask at the terminal
    if config.custom_ca:
        context.load_verify_locations(cadata=config.custom_ca)
    if config.client_verify:
        context.verify_mode = ssl.CERT_REQUIRED
    return context
