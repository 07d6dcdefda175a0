"""The node agent's own server: logs of containers, and commands in them, over HTTP and WebSocket (RFC 6455).

The API server passes requests on as they came, see its ``node_proxy``. A command runs isolated, in the network of its
pod and with a hosts file of the cluster's services, on this machine's programs, since there is no image.
"""

from __future__ import annotations

import base64
import hashlib
import json
import shlex
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from infraray.emulators.inside.namespaces import NetworkNamespace
from infraray.errors import InfrarayError
from infraray.isolation import Equipment, Limits, Sandbox

from .listeners import Container
from .node_agent import KUBELET_PORT, NodeAgent, RunningPod
from .pod_networks import NODE_ADDRESS
from .prober import hosts

LIMITS = Limits(wall_s=8.0, cpu_s=4.0, memory_bytes=2**27)
"""Of a command in a container; whoever asked for it waits some ten seconds."""

PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")
GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

OUTPUT, ERROR = 1, 3
"""Channels: what a command prints, and how it ended."""

BINARY, CLOSE = 0x2, 0x8
"""Kinds of frames."""

FOLLOW_S = 0.1
CHUNK_BYTES = 2**15


class Kubelet:
    """The server.

    Args:
        node: the node agent.
        services: tells the addresses of services, by ``namespace/name``.
        home: the node's network.
        certificate: the files of a certificate and its key, with which Kubernetes' API server must be answered; None
            for infraray's, which asks without TLS.
    """

    def __init__(
        self,
        node: NodeAgent,
        services: Callable[[], dict[str, str]],
        home: NetworkNamespace,
        certificate: tuple[Path, Path] | None = None,
    ) -> None:
        self.node = node
        self.services = services
        self.home = home
        self._executing = 0
        self._ended = threading.Condition()
        handler = type("Handler", (_Handler,), {"kubelet": self})
        self._server = ThreadingHTTPServer((NODE_ADDRESS, KUBELET_PORT), handler)
        if certificate is not None:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(*certificate)
            # Greeted in the thread of each connection, so that nobody who says nothing keeps others waiting.
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )

    def start(self) -> None:
        """Begins to answer."""
        threading.Thread(target=self._server.serve_forever, name="kubelet", daemon=True).start()

    @contextmanager
    def executing(self) -> Iterator[None]:
        """A context in which a command runs in a pod."""
        with self._ended:
            self._executing += 1
        try:
            yield
        finally:
            with self._ended:
                self._executing -= 1
                self._ended.notify_all()

    def wait_for_commands(self) -> None:
        """Waits until no command runs in a pod; their time is limited."""
        with self._ended:
            self._ended.wait_for(lambda: not self._executing)


class _Handler(BaseHTTPRequestHandler):
    """Answers one request; the connection ends with it."""

    kubelet: Kubelet

    def do_GET(self) -> None:
        """Logs and commands."""
        address = urlsplit(self.path)
        query = parse_qs(address.query, keep_blank_values=True)
        kind, *rest = address.path.strip("/").split("/")
        try:
            if kind not in ("containerLogs", "exec") or len(rest) != 3:
                self._refuse(501, "NotImplemented", f"{kind} does not exist on this node")
                return
            namespace, pod, name = rest
            running = self.kubelet.node.running.get(f"{namespace}/{pod}")
            container = running.containers.get(name) if running else None
            if running is None or container is None:
                self._refuse(404, "NotFound", f"container {name} of pod {namespace}/{pod} does not run")
            elif kind == "containerLogs":
                self._show_log(container, query)
            else:
                self._execute(namespace, running, query)
        except OSError:
            pass  # whoever asked has gone

    def do_POST(self) -> None:
        """What WebSocket has replaced."""
        self._refuse(400, "BadRequest", "this node speaks WebSocket, not SPDY")

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""

    def _show_log(self, container: Container, query: dict[str, list[str]]) -> None:
        lines = list(container.log)
        since = None
        if seconds := query.get("sinceSeconds"):
            since = time.time() - float(seconds[-1])
        elif moment := query.get("sinceTime"):
            since = datetime.fromisoformat(moment[-1]).timestamp()
        lines = [line for line in lines if since is None or line[0] >= since]
        if tail := query.get("tailLines"):
            lines = lines[max(0, len(lines) - int(tail[-1])) :]
        stamped = query.get("timestamps", [""])[-1] == "true"
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.end_headers()
        last = lines[-1] if lines else None
        self.wfile.write(b"".join(_line(*line, stamped) for line in lines))
        while query.get("follow", [""])[-1] == "true" and container.sockets:
            time.sleep(FOLLOW_S)
            known = list(container.log)
            new = known[known.index(last) + 1 :] if last in known else known
            self.wfile.write(b"".join(_line(*line, stamped) for line in new))
            last = known[-1] if known else None

    def _execute(self, namespace: str, running: RunningPod, query: dict[str, list[str]]) -> None:
        offered = [word.strip() for word in self.headers.get("Sec-WebSocket-Protocol", "").split(",")]
        protocol = next((name for name in PROTOCOLS if name in offered), None)
        if protocol is None:
            self._refuse(400, "BadRequest", f"this node speaks {' and '.join(PROTOCOLS)} over WebSocket")
            return
        accept = hashlib.sha1(f"{self.headers.get('Sec-WebSocket-Key', '')}{GUID}".encode()).digest()
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(accept).decode())
        self.send_header("Sec-WebSocket-Protocol", protocol)
        self.end_headers()
        equipment = Equipment(files={"/etc/hosts": hosts(namespace, self.kubelet.services())})
        status: dict[str, Any] = {"metadata": {}, "status": "Success"}
        try:
            with self.kubelet.executing(), running.network.namespace.entered(self.kubelet.home):
                sandbox = Sandbox(LIMITS, "reach", equipment=equipment)
                finished = sandbox.run(shlex.join(query.get("command", [])))
        except InfrarayError as error:
            status = {
                "metadata": {},
                "status": "Failure",
                "reason": "InternalError",
                "message": str(error),
                "code": 500,
            }
        else:
            output = finished.output.encode()
            for first in range(0, len(output), CHUNK_BYTES):
                self._send_frame(BINARY, bytes([OUTPUT]) + output[first : first + CHUNK_BYTES])
            if finished.ended is not None or finished.exit_code:
                status = _failure(finished.exit_code, finished.ended)
        self._send_frame(BINARY, bytes([ERROR]) + json.dumps(status).encode())
        self._send_frame(CLOSE, (1000).to_bytes(2, "big"))
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)

    def _send_frame(self, kind: int, payload: bytes) -> None:
        length = len(payload)
        size = bytes([length]) if length < 126 else b"\x7e" + length.to_bytes(2, "big")
        self.wfile.write(bytes([0x80 | kind]) + size + payload)

    def _refuse(self, code: int, reason: str, message: str) -> None:
        status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
        body = json.dumps({**status, "message": message, "reason": reason, "code": code}).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _line(moment: float, text: str, stamped: bool) -> bytes:
    whole, fraction = divmod(moment, 1)
    stamp = f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(whole))}.{int(fraction * 1e9):09d}Z "
    return f"{stamp if stamped else ''}{text}\n".encode()


def _failure(exit_code: int | None, ended: str | None) -> dict[str, Any]:
    """The Status of a command that has failed."""
    if ended is not None:
        message = f"command ended at its limit: {ended}"
        return {"metadata": {}, "status": "Failure", "reason": "InternalError", "message": message, "code": 500}
    return {
        "metadata": {},
        "status": "Failure",
        "reason": "NonZeroExitCode",
        "message": f"command terminated with non-zero exit code: exit status {exit_code}",
        "details": {"causes": [{"reason": "ExitCode", "message": str(exit_code)}]},
    }
