"""The JSON documents of a body: those of its events, or the one that a server sent in place of a stream.

What a body is shows in its first byte. The content type says it too, and is wrong as often as not.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from infraray.protocol.server_sent_events import BYTE_ORDER_MARK, Event, EventReader

DONE = b"[DONE]"
_UNNAMED = ("", "message")


class NoJSON(ValueError):
    """Where a document should stand is something else; the text shows it."""

    def __init__(self, content: bytes) -> None:
        super().__init__(f"no JSON: {content[:80].decode(errors='replace')!r}")


class Documents:
    """Takes a body in pieces and gives its documents, each with where in the body it ended, in bytes.

    Nothing counts after the event ``[DONE]``.
    """

    def __init__(self) -> None:
        self.streamed: bool | None = None
        """Whether they come in events; None while nothing but blanks has come."""
        self.done = False
        """Whether the stream said that it is over."""
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
        """What is left now that the body is whole: the document that stands in place of a stream, or the last event.

        Some servers close without an event's empty line; it counts where it is JSON.

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
                return []  # a ping in words, say
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
