"""A remote cluster's API server, found and entered as kubectl does: by a kubeconfig and one of its contexts."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infraray.emulators.cluster.inside.api_client import JSON
from infraray.errors import InfrarayError, Unavailable, did_you_mean

Object = dict[str, Any]

ANSWER_S = 30.0
"""Time that an answer may take, and a command in a pod may be silent."""

APPLY = "application/apply-patch+yaml"

CONNECTIONS = 64
"""Connections that are kept; more would be closed with a warning."""

OUTPUT, ERROR = 1, 3
"""Channels of a command in a pod: what it prints, and how it ended."""


class Refused(InfrarayError):
    """The API server refuses a request.

    Args:
        code: the status code.
    """

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Said:
    """What a command in a pod printed, and why it failed; empty if it did not."""

    output: str
    failure: str


class Api:
    """Requests to the API server of a context. Thread-safe.

    Args:
        context: the context; empty for the current one.

    Raises:
        Unavailable: there is no kubeconfig, no such context, or nobody answers; the text says what to do.
    """

    def __init__(self, context: str = "") -> None:
        try:
            import websocket
            from kubernetes import client, config
        except ImportError:
            raise Unavailable(
                "backend='kubeconfig': Kubernetes' Python client is not installed; pip install 'infraray[kubernetes]'"
            ) from None
        # The client sets no limit of its own, and a server that hangs would be waited for without end.
        websocket.setdefaulttimeout(ANSWER_S)
        # Told, since the client reads KUBECONFIG only once, when it is imported.
        files = os.environ.get("KUBECONFIG") or "~/.kube/config"
        self.context = _check_context(files, context)
        self._configuration = client.Configuration()
        try:
            config.load_kube_config(files, self.context, client_configuration=self._configuration)
        except Exception as error:  # what the file names, such as a program that prints a token, may fail in any way
            raise Unavailable(f"context={self.context!r}: cannot be used: {_one_line(error)}") from None
        self._configuration.connection_pool_maxsize = CONNECTIONS
        self._client = client.ApiClient(self._configuration)
        self._pool = self._client.rest_client.pool_manager
        self.url: str = self._configuration.host.rstrip("/")
        try:
            self.request("GET", "/version")
        except InfrarayError as error:
            self.close()
            raise Unavailable(
                f"context={self.context!r}: its cluster at {self.url} does not answer ({error}); "
                "start it, or choose another context"
            ) from None

    def close(self) -> None:
        """Closes its connections. May be called twice."""
        self._pool.clear()

    def request(
        self,
        method: str,
        target: str,
        body: Mapping[str, Any] | None = None,
        content_type: str = JSON,
        tolerated: Collection[int] = (),
    ) -> Any:
        """The answer to a request.

        Args:
            method: its method.
            target: path and query.
            body: what to send.
            content_type: its form.
            tolerated: status codes of refusals that are as good as success.

        Raises:
            Refused: the server refuses it.
            InfrarayError: the server does not answer.
        """
        headers = {"Accept": JSON, **({} if body is None else {"Content-Type": content_type})}
        response = self.open(method, target, headers, None if body is None else json.dumps(body).encode())
        try:
            answer = json.loads(response.data or b"{}")
        except failures() as error:
            raise InfrarayError(f"{method} {target}: {_one_line(error)}") from None
        if response.status >= 400 and response.status not in tolerated:
            said = answer.get("message", response.reason) if isinstance(answer, dict) else response.reason
            raise Refused(response.status, f"{method} {target}: {said}")
        return answer

    def open(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes | None, wait_s: float = ANSWER_S
    ) -> Any:
        """The response of urllib3 to a request, of which the body is not read yet.

        Raises:
            InfrarayError: the server does not answer.
        """
        sent = {**headers, "User-Agent": "infraray"}
        self._client.update_params_for_auth(sent, [], ["BearerToken"], target, method, body)
        try:
            return self._pool.urlopen(
                method,
                f"{self.url}{target}",
                body=body,
                headers=sent,
                preload_content=False,
                # A server may close a connection at the moment at which it is used again.
                retries=1 if method == "GET" else False,
                redirect=False,
                timeout=wait_s,
            )
        except failures() as error:
            raise InfrarayError(f"{method} {target.partition('?')[0]}: {_one_line(error)}") from None

    def exec(self, namespace: str, pod: str, container: str, argv: Sequence[str]) -> Said:
        """Runs a command in a container and waits for its end."""
        from kubernetes.stream import ws_client

        query = [("container", container), ("stdout", "true"), ("stderr", "true")]
        query += [("command", word) for word in argv]
        path = f"{self.url}/api/v1/namespaces/{namespace}/pods/{pod}/exec"
        headers: dict[str, str] = {}
        self._client.update_params_for_auth(headers, [], ["BearerToken"], path, "GET", None)
        try:
            running = ws_client.websocket_call(
                self._configuration, "GET", path, query_params=query, headers=headers, _preload_content=False
            )
        except Exception as error:  # the library's own, which wraps any other
            return Said("", f"exec: {_one_line(error)}")
        try:
            running.run_forever(timeout=ANSWER_S)
            output = str(running.read_channel(OUTPUT))
            if running.is_open():
                return Said(output, f"exec: timed out after {ANSWER_S:g} s")
            status = json.loads(running.read_channel(ERROR) or "{}")
        except Exception as error:
            return Said("", f"exec: {_one_line(error)}")
        finally:
            running.sock.shutdown()  # the client's own close leaves the socket open after the other side's
        return Said(output, "" if status.get("status") == "Success" else str(status.get("message") or "exec: cut off"))


def _check_context(files: str, context: str) -> str:
    """The context that is meant.

    Raises:
        Unavailable: there is no file, or it has no such context.
    """
    from kubernetes import config

    where = f"KUBECONFIG={files!r}" if "KUBECONFIG" in os.environ else files
    if not any(Path(one).expanduser().is_file() for one in files.split(os.pathsep) if one):
        raise Unavailable(f"{where}: no such file; make it (as 'kind get kubeconfig' prints it), or set KUBECONFIG")
    try:
        contexts, current = config.list_kube_config_contexts(files)
    except Exception as error:  # the file may hold anything
        raise Unavailable(f"{where}: no kubeconfig ({_one_line(error)}); make another, or set KUBECONFIG") from None
    names = [one["name"] for one in contexts]
    if not context:
        return str(current["name"])
    if context not in names:
        raise Unavailable(f"context={context!r}: not in {where}; {did_you_mean(context, names)}")
    return context


def failures() -> tuple[type[Exception], ...]:
    """The errors of a connection, and of an answer that is none."""
    import urllib3

    return urllib3.exceptions.HTTPError, OSError, ValueError


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
