"""The TLS of one connection, separate from its socket.

The socket stays plain, so the kernel still reports when the bytes of an answer arrived.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable

_READ_BYTES = 65536


def encrypting(host_name: str) -> Callable[[], Encryption]:
    """A factory of the encryption of connections to a host, whose certificate is checked as this machine does."""
    context = ssl.create_default_context()
    return lambda: Encryption(context, host_name)


class Encryption:
    """Turns messages into bytes for the wire, and bytes from the wire into messages.

    Args:
        context: the trusted authorities.
        host_name: the name that the certificate must have.
    """

    def __init__(self, context: ssl.SSLContext, host_name: str) -> None:
        self._from_wire, self._to_wire = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._session = context.wrap_bio(self._from_wire, self._to_wire, server_hostname=host_name)
        self._is_open = False
        self._unsaid = b""
        """Messages to send once the handshake is complete."""

    def say(self, message: bytes) -> None:
        """Accepts a message; `for_wire` returns it as soon as the handshake is complete."""
        self._unsaid += message
        self._go_on()

    def for_wire(self) -> bytes:
        """The bytes to send now."""
        return self._to_wire.read()

    def heard(self, data: bytes) -> bytes:
        """Decrypts bytes received from the server.

        Raises:
            ssl.SSLError: they are not TLS, or the certificate is not trusted.
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
