"""HTTP/1.1 on asyncio: as much as clients of Kubernetes use, without the time that importing aiohttp takes.

A handler is called with a `Request` once its body is there, and answers through the request's `Connection`: a whole
response, a chunked stream that others go on writing to (a watch), or a tunnel to another server (logs, exec).
Handlers are plain functions on the event loop; requests of a connection are answered in order.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from urllib.parse import parse_qs, unquote

MOST_HEAD_BYTES = 64 * 1024
MOST_BODY_BYTES = 3 * 1024 * 1024
"""Kubernetes' own limit on a request."""

LINGER_S = 5.0
"""Seconds for which a client may go on sending what was refused."""

MOST_UNREAD_BYTES = 64 * 1024 * 1024
"""Bytes that may wait for a client that does not read its watch; then the watch ends."""


_PHRASES = {status.value: status.phrase for status in HTTPStatus}


class Request:
    """A request with its whole body; header names are in lower case."""

    __slots__ = ("body", "headers", "keep_alive", "method", "path", "query", "target")

    def __init__(self, method: str, target: str, headers: dict[str, str], keep_alive: bool) -> None:
        self.method = method
        self.target = target
        path, _, query = target.partition("?")
        self.path = unquote(path) if "%" in path else path
        self.query: dict[str, list[str]] = parse_qs(query, keep_blank_values=True) if query else {}
        self.headers = headers
        self.keep_alive = keep_alive
        self.body = b""

    def parameter(self, name: str) -> str:
        """The first value of a query parameter; empty if it is not given."""
        values = self.query.get(name)
        return values[0] if values else ""


class BadMessage(Exception):
    """What a client sent is not HTTP as it is spoken here."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


Handler = Callable[[Request, "Connection"], None]


class Connection(asyncio.Protocol):
    """One client's connection."""

    def __init__(self, handler: Handler, refuse: Callable[[BadMessage, Connection], None]) -> None:
        self._handler = handler
        self._refuse = refuse
        self._buffer = bytearray()
        self._request: Request | None = None
        self._answering = False
        self._keep_alive = True
        self._needed = 0
        self._no_more = False
        self._refused = False
        self._peer: asyncio.Transport | None = None
        self._transport: asyncio.Transport
        self.on_lost: Callable[[], None] | None = None
        """Called when the client goes while a stream or a tunnel is open."""

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remembers the transport."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        """Tells whoever streams to this client."""
        self._close_peer()
        if self.on_lost is not None:
            tell = self.on_lost
            self.on_lost = None
            tell()

    def eof_received(self) -> bool:
        """Answers what was asked before; a tunnel's other side may still have something to say, too."""
        if self._peer is not None:
            if self._peer.can_write_eof():
                self._peer.write_eof()
            return True
        self._no_more = True
        return self._answering and self.on_lost is None

    def data_received(self, data: bytes) -> None:
        """Reads requests, or passes a tunnel's bytes on."""
        if self._peer is not None:
            self._peer.write(data)
            return
        if self._refused:
            return
        self._buffer += data
        if not self._answering:
            self._read_requests()

    def pause_writing(self) -> None:
        """Holds a tunnel's other side; a watch is ended by `stream` instead."""
        if self._peer is not None:
            self._peer.pause_reading()

    def resume_writing(self) -> None:
        """Lets a tunnel's other side go on."""
        if self._peer is not None:
            self._peer.resume_reading()

    # What handlers call.

    def respond(self, code: int, content_type: str, body: bytes, headers: str = "") -> None:
        """Sends a whole response; ``headers`` are further lines, each with its CRLF."""
        if self._transport.is_closing():
            return
        ending = "" if self._keep_alive else "Connection: close\r\n"
        head = (
            f"HTTP/1.1 {code} {_PHRASES.get(code, '')}\r\nContent-Type: {content_type}\r\n"
            f"Content-Length: {len(body)}\r\n{headers}{ending}\r\n"
        )
        if self._request is not None and self._request.method == "HEAD":
            body = b""
        self._transport.write(head.encode("latin-1") + body)
        self._finish()

    def begin_stream(self, content_type: str, headers: str = "") -> None:
        """Begins a response whose length is not known."""
        head = f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nTransfer-Encoding: chunked\r\n{headers}\r\n"
        self._transport.write(head.encode("latin-1"))

    def stream(self, chunk: bytes) -> bool:
        """Sends a chunk that `framed` made; False if the client does not read and the stream has been ended."""
        if self._transport.is_closing():
            return False
        if self._transport.get_write_buffer_size() > MOST_UNREAD_BYTES:
            self._transport.abort()
            return False
        self._transport.write(chunk)
        return True

    def end_stream(self) -> None:
        """Ends the response; the connection can be used again."""
        self.on_lost = None
        if not self._transport.is_closing():
            self._transport.write(b"0\r\n\r\n")
            self._finish()

    def begin_tunnel(self, peer: asyncio.Transport) -> None:
        """From here on every byte goes to and from ``peer``, until one side closes."""
        self._peer = peer
        if self._buffer:
            peer.write(bytes(self._buffer))
            self._buffer.clear()

    def tunnel(self, data: bytes) -> None:
        """Sends bytes of the tunnel's other side."""
        self._transport.write(data)

    @property
    def transport(self) -> asyncio.Transport:
        """The client's side of a tunnel."""
        return self._transport

    # Parts.

    def _close_peer(self) -> None:
        if self._peer is not None:
            self._peer.close()

    def _finish(self) -> None:
        self._answering = False
        self._request = None
        if self._refused and not self._no_more and self._transport.can_write_eof():
            # A client that is still sending would be cut off before it reads the answer.
            self._transport.write_eof()
            asyncio.get_running_loop().call_later(LINGER_S, self._transport.close)
        elif not self._keep_alive:
            self._transport.close()
        elif self._buffer or self._no_more:
            # Not from here: requests that a client sent at once would be answered ever deeper in the stack.
            self._answering = True
            asyncio.get_running_loop().call_soon(self._go_on)

    def _go_on(self) -> None:
        self._answering = False
        self._read_requests()

    def _read_requests(self) -> None:
        try:
            request = self._read_request()
        except BadMessage as error:
            self._keep_alive = False
            self._answering = True
            self._buffer.clear()
            self._refused = True
            self._refuse(error, self)
            return
        if request is not None:
            self._answering = True
            self._keep_alive = request.keep_alive
            self._handler(request, self)
        elif self._no_more:
            self._transport.close()

    def _read_request(self) -> Request | None:
        if self._request is None:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                if len(self._buffer) > MOST_HEAD_BYTES:
                    raise BadMessage(431, "the request's headers are too long")
                return None
            self._request = _read_head(self._buffer[:end].decode("latin-1"))
            del self._buffer[: end + 4]
            self._needed = _body_length(self._request)
            if self._request.headers.get("expect", "").lower() == "100-continue":
                self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request = self._request
        if self._needed < 0:
            body = self._read_chunks()
            if body is None:
                return None
            request.body = body
        elif len(self._buffer) < self._needed:
            return None
        else:
            request.body = bytes(self._buffer[: self._needed])
            del self._buffer[: self._needed]
        return request

    def _read_chunks(self) -> bytes | None:
        body, position = bytearray(), 0
        while True:
            end = self._buffer.find(b"\r\n", position)
            if end < 0:
                return None
            try:
                length = int(self._buffer[position:end].split(b";")[0], 16)
            except ValueError:
                raise BadMessage(400, "a chunk of the body has no length") from None
            if length < 0 or len(body) + length > MOST_BODY_BYTES:
                raise _too_large()
            position = end + 2 + length + 2
            if length == 0:
                # Trailers, which nobody sends, would end with an empty line; without them this is that line.
                if len(self._buffer) < position:
                    return None
                del self._buffer[:position]
                return bytes(body)
            if len(self._buffer) < position:
                return None
            body += self._buffer[end + 2 : position - 2]


def framed(data: bytes) -> bytes:
    """The data as one chunk of a stream."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def _too_large() -> BadMessage:
    return BadMessage(413, f"Request entity too large: limit is {MOST_BODY_BYTES}")


def _read_head(head: str) -> Request:
    first, *lines = head.split("\r\n")
    words = first.split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        raise BadMessage(400, "the request's first line is not HTTP/1.1's")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon:
            raise BadMessage(400, "a header has no colon")
        name, value = name.lower(), value.strip()
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    connection = headers.get("connection", "").lower()
    keep_alive = "close" not in connection if words[2] == "HTTP/1.1" else "keep-alive" in connection
    return Request(words[0], words[1], headers, keep_alive)


def _body_length(request: Request) -> int:
    """Bytes of the body; -1 if it comes in chunks."""
    if "chunked" in request.headers.get("transfer-encoding", "").lower():
        return -1
    given = request.headers.get("content-length", "0")
    if not given.isdecimal():
        raise BadMessage(400, "Content-Length is not a number")
    if int(given) > MOST_BODY_BYTES:
        raise _too_large()
    return int(given)
