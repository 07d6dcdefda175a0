"""The target of a load: a server's endpoint, and the form of a request to it on the wire."""

from __future__ import annotations

import json
import socket
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from infraray.errors import InfrarayError
from infraray.load.workloads import Endpoint

_PROBE_S = 2.0
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Target:
    """A server's endpoint.

    Args:
        family: the address family.
        address: what `socket.connect` takes.
        host: value of the Host header.
        path: the endpoint's path.
        is_encrypted: whether it uses TLS (https).
        api_key: the user's key; None if the server does not ask for one.
    """

    family: int
    address: tuple[Any, ...]
    host: str
    path: str
    is_encrypted: bool = False
    api_key: str | None = field(default=None, repr=False)

    @property
    def host_name(self) -> str:
        """The host without its port, as its certificate must name it."""
        return urlsplit(f"//{self.host}").hostname or ""

    def message(self, body: dict[str, Any]) -> bytes:
        """A request as it goes over the wire."""
        content = json.dumps(body).encode()
        key = "" if self.api_key is None else f"Authorization: Bearer {self.api_key}\r\n"
        head = (
            f"POST {self.path} HTTP/1.1\r\nHost: {self.host}\r\nContent-Type: application/json\r\n"
            f"Accept: text/event-stream\r\n{key}Content-Length: {len(content)}\r\n\r\n"
        )
        return head.encode() + content


def find_target(base_url: str, endpoint: Endpoint, api_key: str | None = None) -> Target:
    """Resolves a base URL such as ``http://host:8000/v1``.

    Raises:
        InfrarayError: it is not an http:// or https:// URL, or the host is unknown.
    """
    try:
        parts = urlsplit(base_url)
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in _PORTS or not parts.hostname or not port:
        raise InfrarayError(f"url={base_url!r}: must be http://host:port/v1, or https:// of a server that encrypts")
    try:
        found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise InfrarayError(f"url={base_url!r}: the host is not known ({error.strerror})") from None
    # A name such as localhost stands for several addresses, and servers often listen on only one.
    family, _, _, _, address = found[0] if len(found) == 1 else next(filter(_accepts, found), found[0])
    path = {"chat": "/chat/completions", "completions": "/completions"}[endpoint]
    host = parts.netloc.rpartition("@")[2]
    return Target(family, address, host, parts.path.rstrip("/") + path, parts.scheme == "https", api_key)


def _accepts(found: tuple[Any, ...]) -> bool:
    family, kind, protocol, _, address = found
    with suppress(OSError), socket.socket(family, kind, protocol) as probe:
        probe.settimeout(_PROBE_S)
        probe.connect(address)
        return True
    return False
