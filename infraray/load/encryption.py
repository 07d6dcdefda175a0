"""TLS of one connection, apart from its socket.

The socket stays a plain one, so that the kernel still tells when the bytes of an answer arrived.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable

_READ_BYTES = 65536


def encrypting(host_name: str) -> Callable[[], Encryption]:
    """What makes the encryption of each connection to a host; its certificate is checked as this machine does."""
    context = ssl.create_default_context()
    return lambda: Encryption(context, host_name)


class Encryption:
    """Takes what is to be said and what the wire brings; gives what goes on the wire and what was said.

    Args:
        context: what is trusted.
        host_name: whom the certificate must name.
    """

    def __init__(self, context: ssl.SSLContext, host_name: str) -> None:
        self._from_wire, self._to_wire = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._session = context.wrap_bio(self._from_wire, self._to_wire, server_hostname=host_name)
        self._is_open = False
        self._unsaid = b""
        """What is to be said once both sides have shaken hands."""

    def say(self, message: bytes) -> None:
        """Takes a message; `for_wire` has it as soon as the connection is open."""
        self._unsaid += message
        self._go_on()

    def for_wire(self) -> bytes:
        """What is to be sent now."""
        return self._to_wire.read()

    def heard(self, data: bytes) -> bytes:
        """What the server says with bytes that the wire brought.

        Raises:
            ssl.SSLError: they are no TLS, or the certificate is not trusted.
        """
        self._from_wire.write(data)
        self._go_on()
        said = []
        try:
            while self._is_open and (part := self._session.read(_READ_BYTES)):
                said.append(part)
        except (ssl.SSLWantReadError, ssl.SSLZeroReturnError):
            pass
        return b"".join(said)

    def _go_on(self) -> None:
        if not self._is_open:
            try:
                self._session.do_handshake()
            except ssl.SSLWantReadError:
                return
            self._is_open = True
        while self._unsaid:
            self._unsaid = self._unsaid[self._session.write(self._unsaid) :]
