"""A node's agent for tests: answers logs with a text, and runs what exec asks for over a real WebSocket."""

import base64
import hashlib
import json
import socket
import struct
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import parse_qs, urlsplit

LOG = b"first line\nsecond line\n"

_SECRET = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455
_STDIN, _STDOUT, _STDERR, _ERROR, _CLOSE = 0, 1, 2, 3, 255


class Agent:
    """Serves each connection in a thread of its own."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.requests: list[str] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                stream, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(stream,), daemon=True).start()

    def _serve(self, stream: socket.socket) -> None:
        with stream, stream.makefile("rb") as file:
            first, headers = file.readline().decode(), {}
            while line := file.readline().decode().strip():
                name, _, value = line.partition(":")
                headers[name.lower()] = value.strip()
            method, target, _ = first.split()
            self.requests.append(f"{method} {target}")
            url = urlsplit(target)
            query = parse_qs(url.query)
            if url.path.startswith("/containerLogs/"):
                lines = LOG.splitlines(keepends=True)
                text = b"".join(lines[-int(query.get("tailLines", ["9"])[0]) :])
                head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(text)}\r\nConnection: close\r\n\r\n"
                stream.sendall(head.encode() + text)
            elif headers.get("upgrade", "").lower() == "websocket":
                self._exec(stream, file, headers, query)
            else:
                status = {
                    "kind": "Status",
                    "apiVersion": "v1",
                    "status": "Failure",
                    "message": "only WebSocket",
                    "code": 400,
                }
                body = json.dumps(status).encode()
                head = f"HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
                stream.sendall(f"{head}Connection: close\r\n\r\n".encode() + body)

    def _exec(self, stream: socket.socket, file, headers: dict[str, str], query: dict[str, list[str]]) -> None:
        offered = [name.strip() for name in headers["sec-websocket-protocol"].split(",")]
        protocol = next(name for name in ("v5.channel.k8s.io", "v4.channel.k8s.io") if name in offered)
        key = hashlib.sha1((headers["sec-websocket-key"] + _SECRET).encode()).digest()
        head = f"Sec-WebSocket-Accept: {base64.b64encode(key).decode()}\r\nSec-WebSocket-Protocol: {protocol}\r\n\r\n"
        upgraded = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        stream.sendall((upgraded + head).encode())
        given = b"".join(self._input(file)) if "input" in query else b""
        done = subprocess.run(query["command"], input=given, capture_output=True)
        for channel, data in ((_STDOUT, done.stdout), (_STDERR, done.stderr)):
            if data:
                stream.sendall(_frame(2, bytes([channel]) + data))
        status = {"metadata": {}, "status": "Success"}
        if done.returncode:
            cause = {"reason": "ExitCode", "message": str(done.returncode)}
            status = {"metadata": {}, "status": "Failure", "reason": "NonZeroExitCode", "details": {"causes": [cause]}}
            status["message"] = f"command terminated with exit code {done.returncode}"
        stream.sendall(_frame(2, bytes([_ERROR]) + json.dumps(status).encode()))
        stream.sendall(_frame(8, struct.pack(">H", 1000)))

    @staticmethod
    def _input(file) -> Iterator[bytes]:
        """What the client sends to the program, until it says that there is no more."""
        while True:
            first, length = file.read(2)
            length &= 0x7F
            if length == 126:
                (length,) = struct.unpack(">H", file.read(2))
            mask, data = file.read(4), file.read(length)
            data = bytes(byte ^ mask[index % 4] for index, byte in enumerate(data))
            if first & 0xF == 8 or (data and data[0] == _CLOSE):
                return
            if first & 0xF in (0, 2) and data and data[0] == _STDIN:
                yield data[1:]


def _frame(opcode: int, data: bytes) -> bytes:
    size = bytes([len(data)]) if len(data) < 126 else b"\x7e" + struct.pack(">H", len(data))
    return bytes([0x80 | opcode]) + size + data


@contextmanager
def running_agent() -> Iterator[Agent]:
    agent = Agent()
    try:
        yield agent
    finally:
        agent.close()
