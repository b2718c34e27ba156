"""TLS from TF Serving's SSL config file."""

from concurrent import futures
from pathlib import Path

import grpc

from serving.server.errors import ServerStartError
from serving.server.proto.ssl_config_pb2 import SSLConfig
from serving.server.text_config import read_text_config


def read_credentials(path: Path) -> grpc.ServerCredentials:
    """Reads the server's key and certificate, and whether clients must show a certificate signed by `custom_ca`.

    Raises:
        ServerStartError: the file cannot be read, something is missing from it, or it holds no valid PEM.
    """
    config = read_text_config(path, SSLConfig())
    if not config.server_key or not config.server_cert:
        raise ServerStartError(f"{path} must hold server_key and server_cert, each as PEM text.")
    if config.client_verify and not config.custom_ca:
        raise ServerStartError(f"{path} has client_verify, but no custom_ca to verify the clients' certificates with.")
    credentials = grpc.ssl_server_credentials(
        [(config.server_key.encode(), config.server_cert.encode())],
        root_certificates=config.custom_ca.encode() or None,
        require_client_auth=config.client_verify,
    )
    _check(credentials, path)
    return credentials


def _check(credentials: grpc.ServerCredentials, path: Path) -> None:
    """gRPC looks at keys only when a port is opened, and then does not say what is wrong."""
    try:
        grpc.server(futures.ThreadPoolExecutor(1)).add_secure_port("localhost:0", credentials)
    except RuntimeError as error:
        raise ServerStartError(
            f"The keys or certificates in {path} cannot be used. They must be PEM text, and the key must be the "
            "certificate's."
        ) from error
