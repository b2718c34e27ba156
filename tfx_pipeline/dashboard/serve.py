"""Shows a folder of pages to browsers on this machine."""

from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from dimerec_tf.errors import DimeRecError

# What a page cannot say of itself, and a bound for files that are none of ours.
HEADERS = {
    "Content-Security-Policy": "default-src 'self' 'unsafe-inline' data:; frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
HOSTS = ("127.0.0.1", "localhost")


class PortTaken(DimeRecError, OSError):
    """The port cannot be listened on."""


def start(folder: Path, port: int) -> ThreadingHTTPServer:
    """Listens on 127.0.0.1, on a free port if `port` is 0; the caller serves.

    Raises:
        PortTaken: another process listens there, or this one may not.
    """
    handler = partial(_PagesHandler, directory=str(folder))
    try:
        return ThreadingHTTPServer(("127.0.0.1", port), handler)
    except OSError as error:
        raise PortTaken(f"Port {port} cannot be listened on ({error.strerror}): choose another with --port.") from error


class _PagesHandler(SimpleHTTPRequestHandler):
    def parse_request(self) -> bool:
        """Refuses names of other hosts: a page elsewhere could have its own name lead here and read what it finds."""
        if not super().parse_request():
            return False
        if self.headers.get("Host", "").partition(":")[0] in HOSTS:
            return True
        self.send_error(HTTPStatus.FORBIDDEN, f"Open this by the address {' or '.join(HOSTS)}")
        return False

    def list_directory(self, path: object) -> None:
        """A folder without an index is not shown."""
        self.send_error(HTTPStatus.NOT_FOUND, "No such page")

    def end_headers(self) -> None:
        for name, value in HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing of requests."""
