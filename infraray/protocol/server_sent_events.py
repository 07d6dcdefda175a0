"""Server-sent events, to the letter of the HTML standard (WHATWG, 9.2.6 "Interpreting an event stream").

Lines end with CR LF, LF or CR; an event is its data lines, joined, and ends with an empty line; comments, names and
other fields are not part of its data; anything after the last empty line was cut off and does not count.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

BYTE_ORDER_MARK = b"\xef\xbb\xbf"

_LINE_END = re.compile(rb"\r\n?|\n")


@dataclass(frozen=True, slots=True)
class Event:
    """One event.

    Args:
        data: its data lines.
        name: its type; "" if it has none.
        end: the position of its end in the stream, in bytes.
    """

    data: tuple[bytes, ...]
    name: str
    end: int


class EventReader:
    """Takes a stream in pieces of any size and yields its events, in time linear in its length."""

    def __init__(self) -> None:
        self._line: list[bytes] = []
        """The pieces of a line that has not ended."""
        self._length = 0
        """Length of the stream so far, in bytes."""
        self._at_start = True
        self._after_cr = False
        self._data: list[bytes] = []
        self._name = ""

    def feed(self, piece: bytes) -> list[Event]:
        """The events that end in this piece."""
        events: list[Event] = []
        start = int(self._after_cr and piece.startswith(b"\n"))  # the second half of a CR LF that was split
        for line_end in _LINE_END.finditer(piece, start):
            self._line.append(piece[start : line_end.start()])
            start = line_end.end()
            events += self._end_line(self._length + start)
        if start < len(piece):
            self._line.append(piece[start:])
        self._after_cr = piece.endswith(b"\r") or (self._after_cr and not piece)
        self._length += len(piece)
        return events

    def unfinished(self) -> list[Event]:
        """The event whose lines have ended but whose empty line has not come: strictly speaking, not an event."""
        return self._dispatch(self._length)

    def _end_line(self, end: int) -> list[Event]:
        line = b"".join(self._line)
        self._line.clear()
        if self._at_start:
            self._at_start = False
            line = line.removeprefix(BYTE_ORDER_MARK)
        if not line:
            return self._dispatch(end)
        self._take(line)
        return []

    def _take(self, line: bytes) -> None:
        field, _, value = line.partition(b":")  # a comment has an empty field
        value = value[1:] if value.startswith(b" ") else value
        if field == b"data":
            self._data.append(value)
        elif field == b"event":
            self._name = value.decode(errors="replace")

    def _dispatch(self, end: int) -> list[Event]:
        data, name = tuple(self._data), self._name
        self._data.clear()
        self._name = ""
        return [Event(data, name, end)] if data else []
