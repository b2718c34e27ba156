"""The HTTP server: an event loop in a thread of its own."""

import asyncio
import socket
import ssl
import sys
import threading
import time

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets

from serving.server.addresses import parted
from serving.server.errors import ServerStartError
from serving.server.rest.handlers import application
from serving.server.rest.json_handler import Services

BODY_TIMEOUT_SECONDS = 30.0
IDLE_SECONDS = 300.0
_DRAIN_POLL_SECONDS = 0.01


class RestServer:
    """Answers REST until it is stopped.

    Attributes:
        port: where it listens.
    """

    def __init__(self, services: Services, sockets: list[socket.socket], tls: ssl.SSLContext | None = None) -> None:
        self.port: int = sockets[0].getsockname()[1]
        self._application = application(services)
        self._sockets = sockets
        self._tls = tls
        self._grace_seconds = 0.0
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="rest", daemon=True)
        self._thread.start()
        self._ready.wait()

    def stop(self, grace_seconds: float) -> None:
        """Refuses new connections, and lets requests end for at most `grace_seconds`; a second call does nothing."""
        if self._thread.is_alive():
            self._grace_seconds = grace_seconds
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join()

    async def _serve(self) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        server = HTTPServer(
            self._application,
            ssl_options=self._tls,
            # The handlers limit what they keep of a body: tornado would close the connection without a word.
            max_body_size=sys.maxsize,
            body_timeout=BODY_TIMEOUT_SECONDS,
            idle_connection_timeout=IDLE_SECONDS,
        )
        server.add_sockets(self._sockets)
        self._ready.set()
        await self._stopping.wait()
        server.stop()
        end = time.monotonic() + self._grace_seconds
        while self._application.settings["running"] and time.monotonic() < end:
            await asyncio.sleep(_DRAIN_POLL_SECONDS)
        await server.close_all_connections()


def listen(address: str) -> list[socket.socket]:
    """Takes a port for a `RestServer`.

    Args:
        address: `host:port`, IPv6 in brackets; port 0 takes a free one.

    Raises:
        ServerStartError: the address cannot be used.
    """
    host, port = parted(address)
    try:
        # Of IPv6, :: alone would leave out IPv4, which gRPC takes with it.
        return bind_sockets(port, None if host == "::" else host)
    except OSError as error:
        raise ServerStartError(
            f"Cannot listen on {address} for REST ({error.strerror}). If it is in use, choose another port."
        ) from error
