"""What listens in a remote cluster's pods, in the words of the emulated ones: ``listener.py TCP:80 UDP:53 ...``.

Over TCP and UDP it repeats what it is sent after a line that says who it is, and answers a GET of HTTP with that line.
Who it is, its variables POD and CONTAINER tell.
"""

import os
import selectors
import socket
import sys
from contextlib import suppress

TYPES = {
    "TCP": (socket.SOCK_STREAM, socket.IPPROTO_TCP),
    "UDP": (socket.SOCK_DGRAM, socket.IPPROTO_UDP),
    "SCTP": (socket.SOCK_STREAM, 132),
}


def main() -> None:
    """Listens until it is ended."""
    selector = selectors.DefaultSelector()
    for place in sys.argv[1:]:
        name, _, number = place.partition(":")
        kind, protocol = TYPES[name]
        try:
            listening = socket.socket(socket.AF_INET, kind, protocol)
        except OSError as error:
            print(f"{place}: {error}", flush=True)  # a kernel may lack SCTP
            continue
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("", int(number)))
        if kind == socket.SOCK_STREAM:
            listening.listen(512)
        listening.setblocking(False)
        selector.register(listening, selectors.EVENT_READ, (int(number), kind))
    print("listening", *sys.argv[1:], flush=True)
    while True:
        for key, _ in selector.select(None if selector.get_map() else 3600.0):
            with suppress(OSError):
                assert isinstance(key.fileobj, socket.socket)
                answer(selector, key.fileobj, *key.data)


def answer(selector: selectors.BaseSelector, ready: socket.socket, port: int, kind: int) -> None:
    """Answers what has arrived on a socket; ``kind`` is 0 for a connection."""
    line = f"{os.environ['POD']} {os.environ['CONTAINER']}:{port}\n".encode()
    if kind == socket.SOCK_DGRAM:
        data, peer = ready.recvfrom(4096)
        ready.sendto(line + data, peer)
    elif kind == socket.SOCK_STREAM:
        accepted, _ = ready.accept()
        accepted.setblocking(False)
        selector.register(accepted, selectors.EVENT_READ, (port, 0))
    else:
        data = b""
        with suppress(OSError):
            data = ready.recv(4096)
        if data.startswith((b"GET ", b"HEAD ")):
            head = f"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {len(line)}\r\n"
            ready.send(f"{head}Connection: close\r\n\r\n".encode() + (line if data[0] == ord("G") else b""))
        elif data:
            ready.send(line + data)
            return
        selector.unregister(ready)
        ready.close()


if __name__ == "__main__":
    main()
