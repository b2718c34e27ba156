"""A proxy that reaches nothing and remembers what it was asked for."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

VARIABLES = ("http_proxy", "https_proxy", "grpc_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
EXCEPTIONS = ("no_proxy", "NO_PROXY", "no_grpc_proxy")


@contextmanager
def proxy_in_environment() -> Iterator[list[str]]:
    """Names a proxy in all variables; gives the first lines of the requests that it gets."""
    asked: list[str] = []

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            asked.append(self.rfile.readline().decode().strip())
            self.wfile.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server, pytest.MonkeyPatch.context() as patch:
        for name in VARIABLES:
            patch.setenv(name, f"http://127.0.0.1:{server.server_address[1]}")
        for name in EXCEPTIONS:
            patch.delenv(name, raising=False)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield asked
        finally:
            server.shutdown()
            thread.join()
