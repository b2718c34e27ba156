"""Shows a folder of pages to browsers on this machine."""

from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from dimerec_tf.errors import DimeRecError


class PortTaken(DimeRecError, OSError):
    """The port cannot be listened on."""


def start(folder: Path, port: int) -> ThreadingHTTPServer:
    """Listens on 127.0.0.1, on a free port if `port` is 0; the caller serves.

    Raises:
        PortTaken: another process listens there, or this one may not.
    """
    handler = partial(_QuietHandler, directory=str(folder))
    try:
        return ThreadingHTTPServer(("127.0.0.1", port), handler)
    except OSError as error:
        raise PortTaken(f"Port {port} cannot be listened on ({error.strerror}): choose another with --port.") from error


class _QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Says nothing of requests."""
