"""The JSON documents of a body: those of its events, or the one that a server sent in place of a stream.

The first byte of a body shows which it is. So does the content type, but that is often wrong.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from infraray.protocol.server_sent_events import BYTE_ORDER_MARK, Event, EventReader

DONE = b"[DONE]"
_UNNAMED = ("", "message")


class NoJSON(ValueError):
    """There is something else in place of a document; the text shows it."""

    def __init__(self, content: bytes) -> None:
        super().__init__(f"no JSON: {content[:80].decode(errors='replace')!r}")


class Documents:
    """Takes a body in pieces and yields its documents, each with the position of its end in the body, in bytes.

    Nothing after the event ``[DONE]`` counts.
    """

    def __init__(self) -> None:
        self.streamed: bool | None = None
        """Whether they come in events; None as long as only blanks have arrived."""
        self.done = False
        """Whether the stream said that it has ended."""
        self._events = EventReader()
        self._held: list[bytes] = []

    def feed(self, piece: bytes) -> Iterator[tuple[Any, int]]:
        """The documents that end in this piece.

        Raises:
            NoJSON: an event without a name of its own holds none.
        """
        if not self.streamed:
            self._held.append(piece)
            if self.streamed is None:
                start = b"".join(self._held).removeprefix(BYTE_ORDER_MARK).lstrip()[:1]
                if not start or BYTE_ORDER_MARK.startswith(start):
                    return
                self.streamed = start not in (b"{", b"[")
            if not self.streamed:
                return
            piece = b"".join(self._held)
        for event in self._events.feed(piece):
            for document in () if self.done else self._read(event):
                yield document, event.end

    def close(self) -> Iterator[tuple[Any, int]]:
        """The rest, now that the body is complete: the document sent in place of a stream, or the last event.

        Some servers close without an event's empty line; the event counts if it is JSON.

        Raises:
            NoJSON: the document is broken.
        """
        if self.streamed is False:
            content = b"".join(self._held)
            yield _parse(content.removeprefix(BYTE_ORDER_MARK)), len(content)
        for event in () if self.done else self._events.unfinished():
            try:
                documents = self._read(event)
            except NoJSON:
                return
            for document in documents:
                yield document, event.end

    def _read(self, event: Event) -> list[Any]:
        data = b"\n".join(event.data)
        if not data.strip():
            return []
        if data.strip() == DONE:
            self.done = True
            return []
        try:
            return [_parse(data)]
        except NoJSON:
            if event.name == "error":
                return [{"error": data.decode(errors="replace")}]
            if event.name not in _UNNAMED:
                return []  # a ping in words, for example
            if len(event.data) == 1:
                raise
        # Some servers leave out the empty line between events.
        return [
            document
            for line in event.data
            for document in self._read(Event((line,), event.name, event.end))
            if not self.done
        ]


def _parse(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        raise NoJSON(content) from None
