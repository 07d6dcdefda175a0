"""Attempts to connect from inside a pod, all at once: ``probe.py '[SECONDS, [[ADDRESS, PORT, PROTOCOL, SECRET]]]'``.

Prints a JSON list with a reason and a name for each attempt. ``open``: what listens has repeated the secret after the
name of its pod; ``blocked``: nothing came in time; ``refused``; ``unreachable``; ``silent``: what listens gives another
answer, or none; ``unsupported``: this kernel lacks the protocol. A lost packet is sent again: by the kernel over TCP,
here over UDP.
"""

from __future__ import annotations

import errno
import json
import select
import socket
import sys
import time

TYPES = {
    "TCP": (socket.SOCK_STREAM, socket.IPPROTO_TCP),
    "UDP": (socket.SOCK_DGRAM, socket.IPPROTO_UDP),
    "SCTP": (socket.SOCK_STREAM, 132),
}
AGAIN_S = 0.5
"""Time after which a datagram is sent again."""


class Attempt:
    """One attempt, which has begun when the constructor returns."""

    def __init__(self, address: str, port: int, protocol: str, secret: str) -> None:
        self.secret = secret.encode()
        self.datagram = protocol == "UDP"
        self.found, self.answered, self.over = "blocked", "", False
        self.sent = False
        kind, number = TYPES[protocol]
        try:
            self.socket = socket.socket(socket.AF_INET, kind | socket.SOCK_NONBLOCK, number)
        except OSError:
            self.end("unsupported")
            return
        code = self.socket.connect_ex((address, port))
        if code not in (0, errno.EINPROGRESS):
            self.end(said(code))

    def end(self, found: str) -> None:
        """Notes the reason; there is nothing more to do."""
        self.found, self.over = found, True

    def send(self) -> None:
        """Sends the secret, once the connection is made, or again."""
        code = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            self.end(said(code))
            return
        try:
            self.socket.send(self.secret)
        except OSError as error:
            self.end(said(error.errno))
            return
        self.sent = True
        self.found = "blocked" if self.datagram else "silent"

    def receive(self) -> None:
        """Reads the answer."""
        try:
            answer = self.socket.recv(4096)
        except BlockingIOError:
            return
        except OSError as error:
            self.end(said(error.errno))
            return
        who, _, repeated = answer.partition(b"\n")
        self.end("open" if repeated == self.secret else "silent")
        if repeated == self.secret:
            self.answered = who.decode(errors="replace").partition(" ")[0]


def said(code: int | None) -> str:
    """What an error of a connection means."""
    if code in (errno.ECONNREFUSED, errno.ECONNRESET):
        return "refused"
    return "blocked" if code == errno.ETIMEDOUT else "unreachable"


def main() -> None:
    """Attempts and prints."""
    seconds, asked = json.loads(sys.argv[1])
    attempts = [Attempt(*one) for one in asked]
    deadline = time.monotonic() + seconds
    again = 0.0
    while time.monotonic() < deadline:
        waiting = {one.socket.fileno(): one for one in attempts if not one.over}
        if not waiting:
            break
        if time.monotonic() >= again:
            for one in waiting.values():
                if one.datagram:
                    one.send()
            again = time.monotonic() + AGAIN_S
        poll = select.poll()
        for number, one in waiting.items():
            if not one.over:
                poll.register(number, select.POLLIN if one.sent else select.POLLOUT)
        for number, _ in poll.poll(1000 * max(0.0, min(again, deadline) - time.monotonic())):
            if waiting[number].sent:
                waiting[number].receive()
            else:
                waiting[number].send()
    print(json.dumps([[one.found, one.answered] for one in attempts]))


if __name__ == "__main__":
    main()
