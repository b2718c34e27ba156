"""Which addresses are this machine's own, and connections to them that no proxy is asked for.

gRPC and requests obey `http_proxy` and its kin for every address, localhost included, which a proxy cannot reach.
"""

from collections.abc import Sequence
from ipaddress import ip_address
from typing import Any
from urllib.parse import unquote, urlsplit

import requests

_WITHOUT_PROXY = ("grpc.enable_http_proxy", 0)


def is_loopback(address: str) -> bool:
    """Whether `host:port`, `[host]:port`, a URL or a gRPC target such as `dns:///host:port` is on this machine."""
    target = address
    for scheme in ("ipv4:", "ipv6:", "dns:"):
        target = target.removeprefix(scheme)
    if "://" in target:
        target = urlsplit(target).netloc.rpartition("@")[2]
    target = unquote(target.rpartition("/")[2])
    if target.startswith("["):
        host = target[1:].partition("]")[0]
    else:
        host = target.partition(":")[0] if target.count(":") == 1 else target
    host = host.partition("%")[0].rstrip(".").lower()
    try:
        ip = ip_address(host)
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
    ip = getattr(ip, "ipv4_mapped", None) or ip
    return ip.is_loopback or ip.is_unspecified


def channel_options(address: str, options: Sequence[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """The options of a gRPC channel to an address."""
    return [*options, _WITHOUT_PROXY] if is_loopback(address) else list(options)


class DirectSession(requests.Session):
    """A session whose requests to this machine, redirected ones too, go there directly."""

    def send(self, request: requests.PreparedRequest, **settings: Any) -> requests.Response:
        """See `requests.Session`."""
        if is_loopback(request.url or ""):
            settings["proxies"] = {}
        return super().send(request, **settings)
