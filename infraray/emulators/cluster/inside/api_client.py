"""A client of the Kubernetes API, as much of one as controllers and agents need: plain requests, and watched kinds.

It knows a server by its address alone, so that any API server can be at the other end.
"""

from __future__ import annotations

import http.client
import json
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

Object = dict[str, Any]

ANSWER_S = 20.0
"""Time that an answer may take."""

RETRY_S = 0.05
"""Pause before a lost connection is made again."""

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"


@dataclass(frozen=True)
class Address:
    """Where an API server is, and how to get in.

    Args:
        url: such as ``http://10.0.0.1:6443``.
        token: a bearer token; empty for none.
        authority: the certificate that signed the server's, as PEM; empty for those of this machine.
    """

    url: str
    token: str = ""
    authority: str = ""


@dataclass(frozen=True)
class Kind:
    """A kind of object.

    Args:
        name: such as ``Pod``.
        path: where its API is, such as ``/api/v1``.
        resource: its name in URLs, such as ``pods``.
        namespaced: whether its objects are in namespaces.
    """

    name: str
    path: str
    resource: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        """The group and version, such as ``apps/v1``."""
        return self.path.removeprefix("/apis/").removeprefix("/api/")

    def url(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """The path of an object, or of all objects of a namespace, or of all."""
        within = f"/namespaces/{namespace}" if namespace and self.namespaced else ""
        parts = "".join(f"/{quote(part)}" for part in (name, subresource) if part)
        return f"{self.path}{within}/{self.resource}{parts}"


NAMESPACES = Kind("Namespace", "/api/v1", "namespaces", namespaced=False)
NODES = Kind("Node", "/api/v1", "nodes", namespaced=False)
PODS = Kind("Pod", "/api/v1", "pods")
SERVICES = Kind("Service", "/api/v1", "services")
ENDPOINTS = Kind("Endpoints", "/api/v1", "endpoints")
EVENTS = Kind("Event", "/api/v1", "events")
CONFIG_MAPS = Kind("ConfigMap", "/api/v1", "configmaps")
SECRETS = Kind("Secret", "/api/v1", "secrets")
SERVICE_ACCOUNTS = Kind("ServiceAccount", "/api/v1", "serviceaccounts")
DEPLOYMENTS = Kind("Deployment", "/apis/apps/v1", "deployments")
REPLICA_SETS = Kind("ReplicaSet", "/apis/apps/v1", "replicasets")
ENDPOINT_SLICES = Kind("EndpointSlice", "/apis/discovery.k8s.io/v1", "endpointslices")
NETWORK_POLICIES = Kind("NetworkPolicy", "/apis/networking.k8s.io/v1", "networkpolicies")

KINDS = {
    kind.name: kind
    for kind in (
        *(NAMESPACES, NODES, PODS, SERVICES, ENDPOINTS, EVENTS, CONFIG_MAPS, SECRETS, SERVICE_ACCOUNTS),
        *(DEPLOYMENTS, REPLICA_SETS, ENDPOINT_SLICES, NETWORK_POLICIES),
    )
}


class ApiError(Exception):
    """The API server's refusal of a request.

    Args:
        code: the status code.
        message: its message.
        reason: its reason, such as ``Conflict``.
    """

    def __init__(self, code: int, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason


class ApiClient:
    """Requests over one connection. Not thread-safe.

    Args:
        address: the server's.
        user_agent: who asks.
    """

    def __init__(self, address: Address, user_agent: str) -> None:
        self.address = address
        self._headers = {"Accept": JSON, "User-Agent": user_agent}
        if address.token:
            self._headers["Authorization"] = f"Bearer {address.token}"
        self._connection: http.client.HTTPConnection | None = None

    def list(self, kind: Kind, namespace: str = "") -> Object:
        """All objects of a kind."""
        return self.request("GET", kind.url(namespace))

    def get(self, kind: Kind, namespace: str, name: str) -> Object | None:
        """An object; None if there is none."""
        try:
            return self.request("GET", kind.url(namespace, name))
        except ApiError as error:
            if error.code == 404:
                return None
            raise

    def create(self, kind: Kind, made: Mapping[str, Any]) -> Object:
        """Creates an object."""
        body = {"apiVersion": kind.api_version, "kind": kind.name, **made}
        return self.request("POST", kind.url(body["metadata"].get("namespace", "")), body)

    def patch(self, kind: Kind, namespace: str, name: str, change: Mapping[str, Any], subresource: str = "") -> Object:
        """Merges a change into an object (RFC 7396)."""
        return self.request("PATCH", kind.url(namespace, name, subresource), change, MERGE_PATCH)

    def delete(self, kind: Kind, namespace: str, name: str, uid: str = "", grace_s: int | None = None) -> Object | None:
        """Deletes an object, if it is still there and has the id; returns the answer, if it was."""
        options: Object = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"}
        if uid:
            options["preconditions"] = {"uid": uid}
        if grace_s is not None:
            options["gracePeriodSeconds"] = grace_s
        try:
            return self.request("DELETE", kind.url(namespace, name), options)
        except ApiError as error:
            if error.code not in (404, 409):
                raise
            return None

    def request(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, content_type: str = JSON
    ) -> Object:
        """The answer to a request, made again once if the connection was lost before anything was answered.

        Raises:
            ApiError: the server refuses.
            OSError: it cannot be reached.
        """
        data = None if body is None else json.dumps(body).encode()
        headers = self._headers if data is None else {**self._headers, "Content-Type": content_type}
        for attempt in range(2):
            reused = self._connection is not None
            connection = self._connection = self._connection or connect(self.address)
            try:
                connection.request(method, path, data, headers)
                response = connection.getresponse()
                content = response.read()
                break
            except (OSError, http.client.HTTPException) as error:
                self.close()
                if attempt or not reused:
                    raise OSError(f"{method} {path}: {type(error).__name__}: {error}") from None
        answer: Object = json.loads(content) if content else {}
        if response.status >= 400:
            raise ApiError(response.status, str(answer.get("message", response.reason)), str(answer.get("reason", "")))
        return answer

    def close(self) -> None:
        """Closes the connection; the next request makes another one."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None


class Watch:
    """Follows all objects of a kind in a thread of its own, which ends with the process.

    Args:
        address: the server's.
        kind: the kind.
        user_agent: who asks.
        changed: called with every state of an object, or with None when it is gone, and its key; it must not block.
            After a connection was lost, it is called again for everything that is there.
    """

    def __init__(
        self, address: Address, kind: Kind, user_agent: str, changed: Callable[[Kind, str, Object | None], None]
    ) -> None:
        self._client = ApiClient(address, user_agent)
        self._kind = kind
        self._changed = changed
        self._known: set[str] = set()
        threading.Thread(target=self._follow, name=f"watch {kind.resource}", daemon=True).start()

    def _follow(self) -> None:
        version = ""
        while True:
            try:
                version = version or self._list()
                version = self._stream(version)
            except (OSError, ApiError, ValueError, http.client.HTTPException):
                version = ""  # also when it is too old: all is listed again
                time.sleep(RETRY_S)

    def _list(self) -> str:
        answer = self._client.list(self._kind)
        found = {key(item): item for item in answer["items"]}
        for gone in self._known - found.keys():
            self._changed(self._kind, gone, None)
        self._known = {*found}
        for name, item in found.items():
            self._changed(self._kind, name, item)
        return str(answer["metadata"]["resourceVersion"])

    def _stream(self, version: str) -> str:
        """Follows changes until the server ends the stream; returns the last version."""
        query = urlencode({"watch": "true", "allowWatchBookmarks": "true", "resourceVersion": version})
        connection = connect(self._client.address, timeout_s=None)
        try:
            connection.request("GET", f"{self._kind.url()}?{query}", headers=self._client._headers)
            response = connection.getresponse()
            if response.status != 200:
                raise ApiError(response.status, response.read().decode(errors="replace"))
            while line := response.readline():
                event = json.loads(line)
                if event["type"] == "ERROR":
                    raise ApiError(event["object"].get("code", 500), str(event["object"].get("message")))
                version = event["object"]["metadata"]["resourceVersion"]
                if event["type"] == "BOOKMARK":
                    continue
                name = key(event["object"])
                if event["type"] == "DELETED":
                    self._known.discard(name)
                    self._changed(self._kind, name, None)
                else:
                    self._known.add(name)
                    self._changed(self._kind, name, event["object"])
            return version
        finally:
            connection.close()


def key(found: Object) -> str:
    """An object's namespace and name, as ``namespace/name``; the namespace is empty where there is none."""
    metadata = found["metadata"]
    return f"{metadata.get('namespace', '')}/{metadata['name']}"


def connect(address: Address, timeout_s: float | None = ANSWER_S) -> http.client.HTTPConnection:
    """A connection to an API server, made with the first request."""
    parts = urlsplit(address.url)
    host, port = parts.hostname or "", parts.port
    if parts.scheme == "http":
        return http.client.HTTPConnection(host, port, timeout=timeout_s)
    context = ssl.create_default_context(cadata=address.authority or None)
    return http.client.HTTPSConnection(host, port, timeout=timeout_s, context=context)
