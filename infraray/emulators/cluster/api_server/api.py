"""Answers requests: what each path and method means, and who carries it out."""

from __future__ import annotations

import asyncio
import sys
import traceback
from collections.abc import Callable
from typing import Any

from . import discovery, errors, openapi
from .decoding import read_body, read_json
from .errors import ApiError, Object, bad_request, no_such_path
from .garbage_collection import GarbageCollector
from .http_server import BadMessage, Connection, Request
from .kind import Kind
from .kinds import pods
from .listing import list_objects, read_list_options
from .namespace_lifecycle import NamespaceLifecycle
from .node_proxy import node_request, tunnel
from .objects import Objects
from .patches.json_patch import apply_json_patch
from .patches.merge_patch import apply_merge_patch
from .patches.strategic_merge import apply_strategic_merge
from .protobuf import read_message
from .reviews import Review, answer
from .routes import Route, read_route
from .scale import scale_of, set_scale
from .selectors import read_selectors
from .store import Stored, encode
from .tables import accepts_yaml, read_form, to_yaml
from .times import now
from .watching import begin_watch
from .writing import PROPAGATION, Deletion, Options, Writer

_BODIES = ("application/json", "application/yaml", "application/vnd.kubernetes.protobuf")
_TRUE = ("true", "True", "1", "t", "T")
_HEALTH = ("/healthz", "/livez", "/readyz")
_NOT_SERVED = {"pods": ("proxy", "resize"), "services": ("proxy",), "nodes": ("proxy",), "serviceaccounts": ("token",)}
"""Subresources that Kubernetes has and this server does not."""

_PROXIED = ("log", "exec", "attach", "portforward")


class Api:
    """The whole API over one set of objects.

    Args:
        service_network: Addresses of services, such as ``10.96.0.0/16``.
        token: What a client has to send as bearer token; None lets everybody in.
        root_certificate: Certificate of the server in PEM, for pods; may be empty.
    """

    def __init__(self, service_network: str, token: str | None = None, root_certificate: str = "") -> None:
        self.objects = Objects()
        self.writer = Writer(self.objects, service_network)
        self._authorization = None if token is None else f"Bearer {token}"
        self._collector = GarbageCollector(self.objects, self.writer)
        self._namespaces = NamespaceLifecycle(self.objects, self.writer, root_certificate)
        self._tunnels: set[asyncio.Task[None]] = set()

    def handle(self, request: Request, connection: Connection) -> None:
        """Answers a request; whatever goes wrong is answered with a Status."""
        try:
            self._check_token(request)
            self._dispatch(request, connection)
        except ApiError as error:
            self._respond(request, connection, error.code, encode(error.status()))
        except Exception as error:
            traceback.print_exc(file=sys.stderr)
            failure = errors.internal_error(f"{type(error).__name__}: {error}")
            self._respond(request, connection, failure.code, encode(failure.status()))

    @staticmethod
    def refuse(error: BadMessage, connection: Connection) -> None:
        """Answers what is not HTTP."""
        reason = "RequestEntityTooLarge" if error.code == 413 else "BadRequest"
        connection.respond(error.code, "application/json", encode(ApiError(error.code, reason, str(error)).status()))

    def _check_token(self, request: Request) -> None:
        if self._authorization is None or request.path in _HEALTH:
            return
        if request.headers.get("authorization") != self._authorization:
            raise ApiError(401, "Unauthorized", "Unauthorized")

    @staticmethod
    def _respond(
        request: Request, connection: Connection, code: int, body: bytes, options: Options | None = None
    ) -> None:
        media = "application/json"
        if accepts_yaml(request.headers.get("accept", "")):
            media, body = "application/yaml", to_yaml(body)
        headers = "".join(_warning(text) for text in options.warnings) if options is not None else ""
        connection.respond(code, media, body, headers)

    def _dispatch(self, request: Request, connection: Connection) -> None:
        path = request.path
        if path.startswith(("/api/v1/", "/apis/")) and path.count("/") >= 3:
            parts = path.rstrip("/").split("/")
            if not (parts[1] == "apis" and len(parts) == 4):
                self._dispatch_route(read_route(path), request, connection)
                return
        if request.method not in ("GET", "HEAD"):
            raise errors.method_not_allowed() if self._serves(path) else no_such_path()
        self._dispatch_description(path.rstrip("/") or "/", request, connection)

    @staticmethod
    def _serves(path: str) -> bool:
        return path.rstrip("/") in ("/api", "/apis", "/version", "/api/v1", "/openapi/v2", "/openapi/v3", *_HEALTH)

    # What is served.

    def _dispatch_description(self, path: str, request: Request, connection: Connection) -> None:
        if path in _HEALTH:
            connection.respond(200, "text/plain; charset=utf-8", b"ok")
        elif path in ("/api", "/apis"):
            self._discover(path, request, connection)
        elif path == "/version":
            self._respond(request, connection, 200, encode(discovery.version_info()))
        elif path == "/openapi/v2":
            if "protobuf" not in request.headers.get("accept", ""):
                raise ApiError(406, "NotAcceptable", "version 2 of the OpenAPI document is sent as protobuf only", {})
            media = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
            connection.respond(200, media, openapi.document_v2())
        elif path == "/openapi/v3":
            self._respond(request, connection, 200, encode(openapi.index()))
        elif path.startswith("/openapi/v3/"):
            self._send_document(path.removeprefix("/openapi/v3/"), request, connection)
        elif path == "/":
            paths = ["/api", "/api/v1", "/apis", *(f"/apis/{name}" for name in discovery.group_names())]
            paths += [*_HEALTH, "/openapi/v2", "/openapi/v3", "/version"]
            self._respond(request, connection, 200, encode({"paths": paths}))
        else:
            self._respond(request, connection, 200, encode(_description(path)))

    def _discover(self, path: str, request: Request, connection: Connection) -> None:
        version = discovery.aggregated_version(request.headers.get("accept", ""))
        groups = [""] if path == "/api" else discovery.group_names()
        if version:
            body = encode(discovery.aggregated(groups, version))
            connection.respond(200, discovery.aggregated_media_type(version), body, "Vary: Accept\r\n")
            return
        host = request.headers.get("host", "")
        self._respond(
            request, connection, 200, encode(discovery.api_versions(host) if path == "/api" else discovery.api_groups())
        )

    @staticmethod
    def _send_document(path: str, request: Request, connection: Connection) -> None:
        parts = path.split("/")
        known = path == "api/v1" or (parts[0] == "apis" and parts[2:] == ["v1"] and parts[1] in discovery.group_names())
        if not known:
            raise no_such_path()
        group = "" if path == "api/v1" else parts[1]
        tag = openapi.document_hash(group)
        cache = "Cache-Control: public, max-age=31536000, immutable\r\n" if request.parameter("hash") == tag else ""
        connection.respond(200, "application/json", openapi.document(group), f'Etag: "{tag}"\r\n{cache}')

    # Objects.

    def _dispatch_route(self, route: Route, request: Request, connection: Connection) -> None:
        kind, method = route.kind, request.method
        if isinstance(kind, Review):
            if method != "POST" or route.name:
                raise errors.method_not_allowed()
            options = _write_options(request)
            self._respond(request, connection, 201, encode(answer(kind, _read(request))), options)
            return
        if route.subresource:
            self._dispatch_subresource(kind, route, request, connection)
            return
        verb = _verb(method, bool(route.name), request)
        if verb not in kind.verbs or (route.everywhere and verb not in ("list", "watch")):
            raise errors.method_not_allowed()
        key = (route.namespace, route.name)
        if verb == "get":
            self._send(kind, self.objects.find(kind, key).object, request, connection)
        elif verb == "list":
            self._list(kind, route, request, connection)
        elif verb == "watch":
            form = read_form(request.headers.get("accept", ""), request.parameter("includeObject"))
            begin_watch(self.objects, kind, route.namespace, request, connection, form)
        elif verb == "deletecollection":
            self._delete_collection(kind, route, request, connection)
        elif verb == "delete":
            self._delete(kind, route, request, connection)
        else:
            self._write(verb, kind, route, request, connection)

    def _write(self, verb: str, kind: Kind, route: Route, request: Request, connection: Connection) -> None:
        options = _write_options(request)
        if verb == "create":
            written = self.writer.create(kind, route.namespace, _read(request), options)
            self._send(kind, written, request, connection, options, 201)
            return
        written, created = self._change(kind, route, request, options)
        self._send(kind, written, request, connection, options, 201 if created else 200)

    def _change(self, kind: Kind, route: Route, request: Request, options: Options) -> tuple[Object, bool]:
        """Carries out PUT and PATCH, of an object or a subresource; returns it, and whether it is new."""
        key = (route.namespace, route.name)
        if request.method == "PUT":
            body = _read(request)
            return self.writer.update(kind, key, lambda old: body, options, route.subresource), False
        media = _media_type(request)
        if media in ("application/apply-patch+yaml", "application/apply-patch"):
            _check_apply(request)
            body = read_body(request.body, "application/yaml" if request.body[:1] != b"{" else "application/json")
            created = self.objects[kind].get(key) is None
            force = request.parameter("force") in _TRUE
            return self.writer.apply(kind, key, body, options, force, route.subresource), created
        change = _read_patch(request, media, kind)
        return self.writer.update(kind, key, change, options, route.subresource), False

    def _list(self, kind: Kind, route: Route, request: Request, connection: Connection) -> None:
        form = read_form(request.headers.get("accept", ""), request.parameter("includeObject"))
        found, metadata = list_objects(self.objects, kind, route.namespace, read_list_options(request))
        self._respond(request, connection, 200, form.many(kind, found, metadata))

    def _send(
        self,
        kind: Kind,
        given: Object,
        request: Request,
        connection: Connection,
        options: Options | None = None,
        code: int = 200,
    ) -> None:
        form = read_form(request.headers.get("accept", ""), request.parameter("includeObject"))
        self._respond(request, connection, code, form.one(kind, Stored(given, 0)), options)

    def _delete(self, kind: Kind, route: Route, request: Request, connection: Connection) -> None:
        deletion = _read_deletion(request)
        deleted, gone = self.writer.delete(kind, (route.namespace, route.name), deletion)
        if gone and kind.plural not in ("pods", "services", "serviceaccounts"):
            details = {"name": route.name, "kind": kind.plural, "uid": deleted["metadata"]["uid"]}
            if kind.group:
                details["group"] = kind.group
            body = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
            self._respond(request, connection, 200, encode(body))
            return
        self._send(kind, deleted, request, connection)

    def _delete_collection(self, kind: Kind, route: Route, request: Request, connection: Connection) -> None:
        deletion = _read_deletion(request)
        options = read_list_options(request)
        matches = read_selectors(kind, options.label_selector, options.field_selector)
        for stored in list(self.objects[kind]):
            metadata = stored.object["metadata"]
            place = (metadata.get("namespace", ""), metadata["name"])
            if place[0] == route.namespace and (matches is None or matches(stored.object)):
                self.writer.delete(kind, place, deletion)
        found, metadata = list_objects(self.objects, kind, route.namespace, options)
        form = read_form(request.headers.get("accept", ""), "")
        self._respond(request, connection, 200, form.many(kind, found, metadata))

    # Subresources.

    def _dispatch_subresource(self, kind: Kind, route: Route, request: Request, connection: Connection) -> None:
        name, method = route.subresource, request.method
        if name not in kind.subresources:
            if name in _NOT_SERVED.get(kind.plural, ()):
                raise errors.not_implemented(f"{kind.plural}/{name}")
            raise no_such_path()
        key = (route.namespace, route.name)
        if name in _PROXIED:
            if method not in (("GET",) if name == "log" else ("GET", "POST")):
                raise errors.method_not_allowed()
            self._begin_tunnel(self.objects.find(kind, key).object, name, request, connection)
        elif name in ("binding", "eviction"):
            if method != "POST":
                raise errors.method_not_allowed()
            body = _read(request)
            self._respond(request, connection, 201, encode(self._bind_or_evict(kind, key, name, body, request)))
        elif method not in ("GET", "PUT", "PATCH") or (name == "finalize" and method != "PUT"):
            raise errors.method_not_allowed()
        elif name == "scale":
            self._scale(kind, key, request, connection)
        elif method == "GET":
            self._send(kind, self.objects.find(kind, key).object, request, connection)
        else:
            self._write("update" if method == "PUT" else "patch", kind, route, request, connection)

    def _scale(self, kind: Kind, key: tuple[str, str], request: Request, connection: Connection) -> None:
        options = _write_options(request)
        found = self.objects.find(kind, key).object
        if request.method != "GET":
            change: Callable[[Object], Any]
            if request.method == "PUT":
                body = _read(request)
                change = lambda given: set_scale(given, body)  # noqa: E731
            else:
                media = _media_type(request)
                if media.startswith("application/apply-patch"):
                    raise errors.not_implemented("server-side apply of a scale")
                patch = _read_patch(request, media, kind)
                change = lambda given: set_scale(given, patch(scale_of(given)))  # noqa: E731
            found = self.writer.update(kind, key, change, options)
        self._respond(request, connection, 200, encode(scale_of(found)), options)

    def _bind_or_evict(self, kind: Kind, key: tuple[str, str], name: str, body: Any, request: Request) -> Object:
        pod = self.objects.find(kind, key).object
        if not isinstance(body, dict):
            raise bad_request(f"a {name} is an object")
        if name == "eviction":
            deletion = _deletion(body.get("deleteOptions") or {}, request)
            self.writer.delete(kind, key, deletion)
        else:
            target = (body.get("target") or {}).get("name", "")
            if not target:
                error = errors.required("target.name")
                raise errors.invalid_object("", "Binding", key[1], [error])
            if pod["spec"].get("nodeName"):
                raise errors.conflict(
                    "", "pods/binding", key[1], f"pod {key[1]} is already assigned to node {pod['spec']['nodeName']}"
                )
            self._bind(key, target, _write_options(request))
        return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}

    def _bind(self, key: tuple[str, str], node: str, options: Options) -> None:
        def change(given: Object) -> Object:
            given["spec"]["nodeName"] = node
            conditions = [item for item in given["status"].get("conditions", []) if item["type"] != "PodScheduled"]
            scheduled = {"type": "PodScheduled", "status": "True", "lastTransitionTime": now()}
            given["status"]["conditions"] = [*conditions, scheduled]
            return given

        self.writer.update(pods.KIND, key, change, options, "binding")

    def _begin_tunnel(self, pod: Object, name: str, request: Request, connection: Connection) -> None:
        host, port, message = node_request(self.objects, pod, name, request)

        async def connect() -> None:
            try:
                await tunnel(host, port, message, connection)
            except ApiError as error:
                self._respond(request, connection, error.code, encode(error.status()))

        task = asyncio.get_running_loop().create_task(connect())
        self._tunnels.add(task)
        task.add_done_callback(self._tunnels.discard)


def _warning(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'Warning: 299 - "{escaped}"\r\n'


def _description(path: str) -> Object:
    """A group, or the resources of its version."""
    parts = path.strip("/").split("/")
    names = discovery.group_names()
    if path == "/api/v1":
        return discovery.api_resources("")
    if parts[0] == "apis" and len(parts) in (2, 3) and parts[1] in names and parts[2:] in ([], ["v1"]):
        return discovery.api_group(parts[1]) if len(parts) == 2 else discovery.api_resources(parts[1])
    raise no_such_path()


def _verb(method: str, named: bool, request: Request) -> str:
    if method in ("GET", "HEAD"):
        if named:
            return "get"
        return "watch" if request.parameter("watch") in _TRUE else "list"
    if method == "DELETE":
        return "delete" if named else "deletecollection"
    if method == "POST" and not named:
        return "create"
    return {"PUT": "update", "PATCH": "patch"}.get(method, "") if named else ""


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _read(request: Request) -> Any:
    """The body of a request that creates or replaces."""
    media = _media_type(request)
    if not request.body:
        raise bad_request("the request has no body")
    if media == "application/vnd.kubernetes.protobuf":
        return read_message(request.body)
    if media not in ("", "*/*", *_BODIES, "text/json", "application/x-www-form-urlencoded"):
        raise errors.unsupported_media_type(media, _BODIES)
    return read_body(request.body, media)


def _read_patch(request: Request, media: str, kind: Kind) -> Callable[[Object], Any]:
    """What a patch makes of an object."""
    if media not in openapi.PATCH_TYPES:
        raise errors.unsupported_media_type(media, openapi.PATCH_TYPES)
    patch = read_json(request.body)
    if media == "application/json-patch+json":
        return lambda given: apply_json_patch(given, patch)
    if media == "application/merge-patch+json":
        if not isinstance(patch, dict):
            raise bad_request("a merge patch is an object")
        return lambda given: apply_merge_patch(given, patch)
    return lambda given: apply_strategic_merge(given, patch, kind.type)


def _check_apply(request: Request) -> None:
    if not request.parameter("fieldManager"):
        error = errors.required("fieldManager", "is required for apply patch")
        raise errors.invalid_object("meta.k8s.io", "PatchOptions", "", [error])


def _write_options(request: Request) -> Options:
    dry_run = request.query.get("dryRun", [])
    if [value for value in dry_run if value not in ("All", "")]:
        error = errors.unsupported("dryRun", dry_run[0], ["All"])
        raise errors.invalid_object("meta.k8s.io", "WriteOptions", "", [error])
    validation = request.parameter("fieldValidation") or "Warn"
    if validation not in ("Strict", "Warn", "Ignore"):
        error = errors.unsupported("fieldValidation", validation, ["Ignore", "Strict", "Warn"])
        raise errors.invalid_object("meta.k8s.io", "WriteOptions", "", [error])
    manager = request.parameter("fieldManager") or request.headers.get("user-agent", "").partition("/")[0] or "unknown"
    return Options(manager[:128], "All" in dry_run, validation)


def _read_deletion(request: Request) -> Deletion:
    body = _read(request) if request.body else {}
    if not isinstance(body, dict):
        raise bad_request("the options of a deletion are an object")
    return _deletion(body, request)


def _deletion(options: Object, request: Request) -> Deletion:
    grace: Any = request.parameter("gracePeriodSeconds") or options.get("gracePeriodSeconds")
    propagation = request.parameter("propagationPolicy") or options.get("propagationPolicy") or ""
    orphan = request.parameter("orphanDependents") or options.get("orphanDependents")
    if not propagation:
        propagation = "Orphan" if orphan in (True, *_TRUE) else "Background"
    if propagation not in ("Background", *PROPAGATION):
        error = errors.unsupported("propagationPolicy", propagation, ["Background", *PROPAGATION])
        raise errors.invalid_object("meta.k8s.io", "DeleteOptions", "", [error])
    try:
        grace_s = None if grace is None else int(grace)
    except (TypeError, ValueError):
        raise bad_request(f"gracePeriodSeconds: Invalid value: {grace!r}: not a number of seconds") from None
    conditions = options.get("preconditions") or {}
    dry_run = "All" in request.query.get("dryRun", []) or "All" in (options.get("dryRun") or [])
    return Deletion(grace_s, propagation, conditions.get("uid") or "", conditions.get("resourceVersion") or "", dry_run)
