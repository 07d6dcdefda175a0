"""The API server as an agent's kubectl finds it: the application's namespaces alone, and no way to run anything.

Requests are passed on with this process's credentials, if they are of a kind that the task needs. What an LLM writes
runs isolated by `infraray.isolation` and nowhere else, so the gateway lets nobody make or change what runs in the
cluster, enter a container, or open a service: policies may be written, and workloads be deleted and scaled, but nothing
else. A refusal is the API server's own, Forbidden.
"""

from __future__ import annotations

import json
import socket
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode

from infraray.emulators.remote_cluster.api import ANSWER_S, Api, failures
from infraray.emulators.remote_cluster.paths import ApiPath, read_path
from infraray.emulators.remote_cluster.view import View, together
from infraray.errors import InfrarayError

WRITES = {
    ("networkpolicies", ""): ("POST", "PUT", "PATCH", "DELETE"),
    ("deployments", ""): ("DELETE",),
    ("deployments", "scale"): ("PUT", "PATCH"),
    ("replicasets", ""): ("DELETE",),
    ("pods", ""): ("DELETE",),
    ("services", ""): ("DELETE",),
}
"""Methods besides GET, by resource and subresource."""

SHOWN = ("", "status", "scale", "log")
"""Subresources that may be read. The others of GET are ways into a container."""

HIDDEN = ("secrets",)

PASSED_ON = ("Accept", "Content-Type")
"""Headers of a request that the API server sees."""

WATCH_S = 30
"""Time after which a watch ends; a command has less."""

MOST_BODY_BYTES = 3 * 2**20
"""Kubernetes' own limit."""

CHUNK_BYTES = 2**16


class Gateway:
    """Serves a socket until it is closed.

    Args:
        listening: the socket.
        view: the application's namespaces.
    """

    def __init__(self, listening: socket.socket, view: View) -> None:
        self.view = view
        self._writing = 0
        self._written = threading.Condition()
        handler = type("Handler", (_Handler,), {"gateway": self})
        self._server = ThreadingHTTPServer(("", 0), handler, bind_and_activate=False)
        self._server.socket.close()
        self._server.socket = listening
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="gateway", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stops serving. May be called twice."""
        self._server.shutdown()
        self._thread.join()
        self._server.socket.close()

    def wait_for_writes(self) -> None:
        """Waits until every write that was begun is answered, also if whoever asked has gone."""
        with self._written:
            self._written.wait_for(lambda: not self._writing, ANSWER_S)

    def write(self, by: int) -> None:
        """Counts a write that begins (1) or is answered (-1)."""
        with self._written:
            self._writing += by
            self._written.notify_all()


class _Handler(BaseHTTPRequestHandler):
    """Answers the requests of a connection."""

    gateway: Gateway
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """What is there."""
        path, _, query = self.path.partition("?")
        view = self.gateway.view
        try:
            found = read_path(path)
            if found is not None:
                _check_read(found, view)
        except ValueError as error:
            self._forbid(str(error))
            return
        watches = parse_qs(query).get("watch", [""])[-1] in ("true", "1")
        if found is None or found.namespace or found.name:
            self._pass_on("GET", path, _ending(query) if watches else query)
        elif found.resource == "namespaces":
            query = view.of_namespaces(query)
            self._pass_on("GET", path, _ending(query) if watches else query)
        elif watches:
            self._forbid(f"{found.resource} of all namespaces cannot be watched here; name a namespace with -n")
        else:
            self._list(found, view.whole(query))

    def do_POST(self) -> None:
        """Creates."""
        self._write("POST")

    def do_PUT(self) -> None:
        """Replaces."""
        self._write("PUT")

    def do_PATCH(self) -> None:
        """Changes."""
        self._write("PATCH")

    def do_DELETE(self) -> None:
        """Deletes."""
        self._write("DELETE")

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""

    def _write(self, method: str) -> None:
        path, _, query = self.path.partition("?")
        body = self._body()
        if body is None:
            return
        try:
            found = read_path(path)
            if found is None or found.namespace not in self.gateway.view.namespaces:
                raise ValueError(f"{path}: only the application's own namespaces may be changed")
            if method not in WRITES.get((found.resource, found.subresource), ()):
                what = "/".join(filter(None, (found.resource, found.subresource)))
                raise ValueError(f"{method} of {what} is not permitted here")
        except ValueError as error:
            self._forbid(str(error))
            return
        self.gateway.write(1)
        try:
            self._pass_on(method, path, query, body)
        finally:
            self.gateway.write(-1)

    def _body(self) -> bytes | None:
        """What a request holds; None if it was refused."""
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal() or int(length) > MOST_BODY_BYTES or "Transfer-Encoding" in self.headers:
            self.close_connection = True
            self._refuse(413, "RequestEntityTooLarge", f"a request has {MOST_BODY_BYTES} bytes at most")
            return None
        return self.rfile.read(int(length))

    def _list(self, found: ApiPath, query: str) -> None:
        """Answers with the objects of all namespaces."""
        pieces = []
        for namespace in self.gateway.view.namespaces:
            try:
                response = self._open("GET", found.within(namespace), query)
                content = response.data
            except InfrarayError as error:
                self._refuse(503, "ServiceUnavailable", str(error))
                return
            if response.status == 404:
                self._forbid(f"{found.resource} are in no namespace, and not a part of the application")
                return
            if response.status != 200:
                self._answer(response.status, content, response.headers.get("Content-Type", ""))
                return
            pieces.append(json.loads(content))
        self._answer(200, json.dumps(together(pieces)).encode(), "application/json")

    def _pass_on(self, method: str, path: str, query: str, body: bytes | None = None) -> None:
        """Asks the API server, and passes its answer on as it comes."""
        try:
            response = self._open(method, path, query, body)
        except InfrarayError as error:
            self._refuse(503, "ServiceUnavailable", str(error))
            return
        try:
            kind = response.headers.get("Content-Type", "")
            if response.headers.get("Content-Length") is not None:
                self._answer(response.status, response.data, kind)
                return
            self.send_response(response.status)
            self.send_header("Content-Type", kind)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for chunk in response.stream(CHUNK_BYTES, decode_content=False):
                self.wfile.write(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")
            self.wfile.write(b"0\r\n\r\n")
        except failures():
            self.close_connection = True
        finally:
            response.close()

    def _open(self, method: str, path: str, query: str, body: bytes | None = None) -> Any:
        headers = {name: self.headers[name] for name in PASSED_ON if name in self.headers}
        headers["Accept-Encoding"] = "identity"
        target = f"{path}?{query}" if query else path
        return self._api.open(method, target, headers, body)

    @property
    def _api(self) -> Api:
        return self.gateway.view.api

    def _forbid(self, message: str) -> None:
        self._refuse(403, "Forbidden", message)

    def _refuse(self, code: int, reason: str, message: str) -> None:
        status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
        body = {**status, "message": message, "reason": reason, "code": code}
        self._answer(code, json.dumps(body).encode(), "application/json")

    def _answer(self, code: int, content: bytes, kind: str) -> None:
        with suppress(OSError):  # whoever asked has gone
            self.send_response(code)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)


def _check_read(found: ApiPath, view: View) -> None:
    """Refuses to show what is not the application's.

    Raises:
        ValueError: the text says what.
    """
    namespace = found.name if found.resource == "namespaces" and not found.namespace else found.namespace
    if namespace and namespace not in view.namespaces:
        raise ValueError(f"namespace {namespace} is not the application's")
    if found.subresource not in SHOWN or found.resource in HIDDEN:
        what = "/".join(filter(None, (found.resource, found.subresource)))
        raise ValueError(f"{what} cannot be read here")


def _ending(query: str) -> str:
    """The query of a watch, as one that ends."""
    return urlencode({**{name: values[-1] for name, values in parse_qs(query).items()}, "timeoutSeconds": WATCH_S})
