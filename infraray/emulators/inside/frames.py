"""Messages between an emulator's child process and its parent: JSON, one per line.

Not pickle, because the child runs next to untrusted commands.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Mapping, Sequence
from typing import Any

MAX_BYTES = 1 << 26
MAX_FILES = 8
"""Open files that come with a message."""


class Frames:
    """Both ends' view of a stream socket."""

    def __init__(self, stream: socket.socket) -> None:
        self.stream = stream
        self.received = b""
        self.files: list[int] = []

    def send(self, message: Mapping[str, Any], deadline: float | None = None, files: Sequence[int] = ()) -> None:
        """Sends a message, and open files with it.

        Raises:
            OSError: the other end is gone, or accepts nothing before ``deadline`` (`time.monotonic`).
        """
        self._until(deadline)
        data = json.dumps(message).encode() + b"\n"
        sent = socket.send_fds(self.stream, [data], files) if files else 0
        self.stream.sendall(data[sent:])

    def receive(self, deadline: float | None = None) -> dict[str, Any]:
        """The next message.

        Raises:
            EOFError: the other end is closed.
            TimeoutError: ``deadline`` (`time.monotonic`) has passed.
            ValueError: it is not a message.
        """
        while b"\n" not in self.received:
            if len(self.received) > MAX_BYTES:
                raise ValueError(f"a message of over {MAX_BYTES} bytes")
            self._until(deadline)
            data, files, _, _ = socket.recv_fds(self.stream, 1 << 16, MAX_FILES)
            self.files += files
            if not data:
                raise EOFError
            self.received += data
        line, _, self.received = self.received.partition(b"\n")
        message = json.loads(line)
        if not isinstance(message, dict):
            raise ValueError("not an object")
        return message

    def take_files(self) -> list[int]:
        """The files that came with the last message, which the caller closes."""
        taken, self.files = self.files, []
        return taken

    def _until(self, deadline: float | None) -> None:
        left = None if deadline is None else deadline - time.monotonic()
        if left is not None and left <= 0:
            raise TimeoutError
        self.stream.settimeout(left)
