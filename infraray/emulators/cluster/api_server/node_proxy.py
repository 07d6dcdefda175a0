"""Logs, exec, attach and port-forward: passed on to the agent of the pod's node.

The contract is the kubelet's. The server connects over TCP to the first ``InternalIP`` (or else any address) of the
node that the pod's ``spec.nodeName`` names, on its ``status.daemonEndpoints.kubeletEndpoint.Port``, and sends the
client's request, headers and body as they came, on the kubelet's own path::

    GET  /containerLogs/NAMESPACE/POD/CONTAINER?follow=true&tailLines=...   (the query of kubectl logs)
    GET  /exec/NAMESPACE/POD/CONTAINER?command=ls&command=-l&input=1&output=1&error=1&tty=1
    GET  /attach/NAMESPACE/POD/CONTAINER?input=1&output=1&error=1&tty=1
    GET  /portForward/NAMESPACE/POD?ports=80

From then on every byte goes through in both directions until one side closes, so that the agent answers the client
itself: a log as any HTTP response, the others by upgrading to a WebSocket with one of the client's protocols (kubectl
offers ``v5.channel.k8s.io``, Python ``v4.channel.k8s.io``). A client that offers only SPDY sends POST; the agent
refuses that with a Status. After a response the agent closes the connection.
"""

from __future__ import annotations

import asyncio
from urllib.parse import quote, urlencode

from .errors import Object, bad_request, internal_error, not_found
from .http_server import Connection, Request
from .kinds import nodes
from .objects import Objects

CONNECT_S = 5.0

_KUBELET_PATHS = {"log": "containerLogs", "exec": "exec", "attach": "attach", "portforward": "portForward"}
_STREAMS = {"stdin": "input", "stdout": "output", "stderr": "error", "tty": "tty"}
_OWN = ("container", "pretty", "insecureSkipTLSVerifyBackend")
"""Parameters that are not the agent's business."""

_DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container"


def node_request(objects: Objects, pod: Object, subresource: str, request: Request) -> tuple[str, int, bytes]:
    """Host and port of the pod's agent, and the request to send to it.

    Raises:
        ApiError: the pod has no such container, or no node that can be reached.
    """
    metadata = pod["metadata"]
    path = f"/{_KUBELET_PATHS[subresource]}/{quote(metadata['namespace'])}/{quote(metadata['name'])}"
    if subresource != "portforward":
        path += f"/{quote(_container(pod, request.parameter('container')))}"
    query: list[tuple[str, str]] = []
    for name, values in request.query.items():
        if subresource != "log" and name in _STREAMS:
            if values[-1] in ("true", "1"):
                query.append((_STREAMS[name], "1"))
        elif name not in _OWN:
            query += [(name, value) for value in values]
    host, port = _address(objects, pod)
    target = f"{path}?{urlencode(query)}" if query else path
    headers = {name: value for name, value in request.headers.items() if name not in ("host", "authorization")}
    if "upgrade" not in headers:
        headers["connection"] = "close"
    lines = [f"{request.method} {target} HTTP/1.1", f"host: {host}:{port}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return host, port, ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + request.body


def _container(pod: Object, wanted: str) -> str:
    spec, name = pod["spec"], pod["metadata"]["name"]
    names = [
        container["name"]
        for part in ("containers", "initContainers", "ephemeralContainers")
        for container in spec.get(part, [])
    ]
    if wanted:
        if wanted not in names:
            raise bad_request(f"container {wanted} is not valid for pod {name}")
        return wanted
    if len(spec["containers"]) == 1:
        return str(spec["containers"][0]["name"])
    chosen = pod["metadata"].get("annotations", {}).get(_DEFAULT_CONTAINER)
    if chosen in names:
        return str(chosen)
    listed = " ".join(container["name"] for container in spec["containers"])
    raise bad_request(f"a container name must be specified for pod {name}, choose one of: [{listed}]")


def _address(objects: Objects, pod: Object) -> tuple[str, int]:
    name = pod["spec"].get("nodeName", "")
    if not name:
        raise bad_request(f"pod {pod['metadata']['name']} does not have a host assigned")
    node = objects[nodes.KIND].get(("", name))
    if node is None:
        raise not_found("", "nodes", name)
    status = node.object["status"]
    port = status["daemonEndpoints"]["kubeletEndpoint"]["Port"]
    addresses = sorted(status.get("addresses", []), key=lambda item: bool(item["type"] != "InternalIP"))
    if not addresses or not port:
        raise internal_error(f"node {name} tells no address and port of its agent")
    return addresses[0]["address"], port


class _Agent(asyncio.Protocol):
    """The agent's side of a tunnel."""

    def __init__(self, client: Connection) -> None:
        self._client = client

    def data_received(self, data: bytes) -> None:
        self._client.tunnel(data)

    def connection_lost(self, error: Exception | None) -> None:
        self._client.transport.close()

    def pause_writing(self) -> None:
        self._client.transport.pause_reading()

    def resume_writing(self) -> None:
        self._client.transport.resume_reading()


async def tunnel(host: str, port: int, message: bytes, client: Connection) -> None:
    """Sends a request to an agent and connects the client with it.

    Raises:
        ApiError: the agent cannot be reached.
    """
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(CONNECT_S):
            transport, _ = await loop.create_connection(lambda: _Agent(client), host, port)
    except (OSError, TimeoutError) as error:
        raise internal_error(f"dial tcp {host}:{port}: {error or 'timed out'}") from None
    if client.transport.is_closing():
        transport.close()
        return
    transport.write(message)
    client.begin_tunnel(transport)
