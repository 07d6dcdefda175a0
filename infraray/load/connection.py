"""One connection to a server: HTTP/1.1 on a non-blocking socket, with as little work per read as possible."""

from __future__ import annotations

import errno
import os
import re
import socket
import struct
import time
from contextlib import suppress

from infraray.load.encryption import Encryption
from infraray.load.exchange import Exchange, Failure

_READ_BYTES = 65536
_SO_TIMESTAMPNS = 35
"""Asks Linux for the arrival time of data; Python's socket module has no name for it."""

_TIMESPEC = struct.Struct("@ll")
_ANCILLARY_BYTES = socket.CMSG_SPACE(_TIMESPEC.size)
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})[ \r]")
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)[ \t]*\r\n", re.I)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:[^\r\n]*chunked[ \t]*\r\n", re.I)
_CLOSE = re.compile(rb"\r\nconnection:[^\r\n]*close|^HTTP/1\.0", re.I)


def chunk_size(line: bytes | bytearray) -> int:
    """The size in bytes in a chunk's first line.

    Raises:
        ValueError: the line has no valid size.
    """
    size = int(line.partition(b";")[0], 16)
    if size < 0:
        raise ValueError("a chunk of negative size")
    return size


class Connection:
    """Carries one exchange after another.

    Args:
        family: `socket.AF_INET` or `socket.AF_INET6`.
        address: what `socket.connect` takes.
        encryption: its TLS; None if unencrypted.

    Raises:
        OSError: the connection cannot be opened.
    """

    __slots__ = (
        *("_encryption", "_exchange", "_length", "_message", "_next", "_reusable", "_sent", "_timed"),
        *("socket", "used"),
    )

    def __init__(self, family: int, address: tuple[object, ...], encryption: Encryption | None = None) -> None:
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with suppress(OSError):
            self.socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        refused = self.socket.connect_ex(address)
        if refused not in (0, errno.EINPROGRESS):
            self.socket.close()
            raise OSError(refused, os.strerror(refused))
        self._encryption = encryption
        self.used = False
        """Whether it has carried a successful exchange, since when the server may have closed it."""

    @property
    def unsent(self) -> bool:
        """Whether data waits for the socket to accept more."""
        return self._sent < len(self._message)

    def begin(self, exchange: Exchange, message: bytes) -> bool:
        """Sends a request; returns whether all of it went out. If not, call `write` once the socket accepts more."""
        self._exchange = exchange
        if self._encryption is not None:
            self._encryption.say(message)
            message = self._encryption.for_wire()
        self._message = message
        self._sent = 0
        self._next = self._length = -1
        self._reusable = True
        self._timed = False
        return self.write()

    def write(self) -> bool:
        """Continues sending; returns whether all of the request went out.

        Raises:
            OSError: the connection failed.
        """
        try:
            self._sent += self.socket.send(memoryview(self._message)[self._sent :])
        except BlockingIOError:
            return False
        return self._sent == len(self._message)

    def read(self, started: float) -> bool:
        """Reads what has arrived; returns whether the answer is complete.

        Args:
            started: `time.perf_counter` at the start of the measurement.

        Raises:
            OSError: the connection failed, or TLS rejected the data.
            WireError: the data is not HTTP, or the server closed the connection in the middle.
        """
        exchange = self._exchange
        received = exchange.received
        ancillary = None
        if self._timed:
            data = self.socket.recv(_READ_BYTES)
        else:
            data, ancillary, _, _ = self.socket.recvmsg(_READ_BYTES, _ANCILLARY_BYTES)
        exchange.read_times.append(time.perf_counter() - started)
        received += self._decrypt(data) if self._encryption is not None else data
        if not exchange.body_start:
            self._read_head(exchange)
        if ancillary and exchange.body_start and len(received) > exchange.body_start:
            # The time of the newest bytes; earlier ones may have waited longer.
            seconds, nanoseconds = _TIMESPEC.unpack(ancillary[0][2])
            waited_s = (time.time_ns() - seconds * 1_000_000_000 - nanoseconds) / 1e9
            exchange.receive_lag_s = max(exchange.receive_lag_s, waited_s)
            self._timed = True
        end = len(received)
        exchange.read_ends.append(end)
        if not data:
            return self._at_close(exchange)
        if not exchange.body_start:
            return False
        if exchange.chunked:
            return self._skip_chunks(received, end)
        return 0 <= self._length <= end - exchange.body_start

    def _decrypt(self, data: bytes) -> bytes:
        """Decrypts received bytes; what TLS itself has to reply is sent."""
        assert self._encryption is not None
        said = self._encryption.heard(data)
        self._message = self._message[self._sent :] + self._encryption.for_wire()
        self._sent = 0
        if self._message:
            self.write()
        return said

    def finish(self) -> bool:
        """Ends the exchange; returns whether the connection can carry another one."""
        self.used = True
        return self._reusable

    def _read_head(self, exchange: Exchange) -> None:
        """Looks for the end of the head and reads how the body is framed."""
        end = exchange.received.find(b"\r\n\r\n")
        if end < 0:
            if len(exchange.received) > _READ_BYTES:
                raise WireError("malformed", "the answer does not begin with an HTTP head")
            return
        head = bytes(exchange.received[: end + 2])
        status = _STATUS.match(head)
        if status is None:
            raise WireError("malformed", f"the answer begins with {head[:40]!r}, which is not HTTP")
        exchange.status = int(status[1])
        exchange.body_start = self._next = end + 4
        exchange.chunked = _CHUNKED.search(head) is not None
        length = _LENGTH.search(head)
        if not exchange.chunked and length is not None:
            self._length = int(length[1])
        # Without either header, the body ends with the connection.
        self._reusable = _CLOSE.search(head) is None and (exchange.chunked or length is not None)

    def _skip_chunks(self, received: bytearray, end: int) -> bool:
        """Skips complete chunks; returns whether the last one is complete."""
        position = self._next
        while position < end:
            line_end = received.find(b"\r\n", position)
            if line_end < 0:
                break
            try:
                size = chunk_size(received[position:line_end])
            except ValueError:
                raise WireError("malformed", f"chunk of size {bytes(received[position:line_end][:20])!r}") from None
            if size == 0:
                # Trailers may follow, up to an empty line.
                return received.find(b"\r\n\r\n", line_end) >= 0
            position = line_end + size + 4
        self._next = position
        return False

    def _at_close(self, exchange: Exchange) -> bool:
        self._reusable = False
        if exchange.body_start and not exchange.chunked and self._length < 0:
            return True
        raise WireError("closed", f"the server closed the connection after {len(exchange.received)} bytes")


class WireError(Exception):
    """An answer that cannot be parsed."""

    def __init__(self, failure: Failure, reason: str) -> None:
        super().__init__(reason)
        self.failure: Failure = failure
        self.reason = reason
