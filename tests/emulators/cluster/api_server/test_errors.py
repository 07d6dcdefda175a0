"""Whatever is asked, the answer is a Status and never a traceback."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.emulators.cluster.api_server.objects import EVERY, config_map, deployment
from tests.emulators.cluster.api_server.server import Server

MAPS = "/api/v1/namespaces/default/configmaps"


@pytest.mark.parametrize(
    ("method", "path", "code", "reason"),
    [
        ("GET", "/apis/batch/v1/jobs", 404, "NotFound"),
        ("GET", "/apis/apps/v2/deployments", 404, "NotFound"),
        ("GET", "/nothing", 404, "NotFound"),
        ("GET", "/api/v1/namespaces/default/pods/none", 404, "NotFound"),
        ("GET", "/api/v1/namespaces/default/configmaps/a/status", 404, "NotFound"),
        ("POST", "/api/v1/namespaces/none/configmaps", 404, "NotFound"),
        ("POST", "/api/v1/configmaps", 405, "MethodNotAllowed"),
        ("DELETE", "/api/v1/namespaces", 405, "MethodNotAllowed"),
        ("PUT", MAPS, 405, "MethodNotAllowed"),
        ("OPTIONS", MAPS, 405, "MethodNotAllowed"),
        ("POST", "/version", 405, "MethodNotAllowed"),
        ("GET", "/api/v1/namespaces/default/services/kubernetes/proxy", 501, "NotImplemented"),
        ("GET", f"{MAPS}?labelSelector=a+b", 400, "BadRequest"),
        ("GET", f"{MAPS}?fieldSelector=data.a%3Db", 400, "BadRequest"),
        ("GET", f"{MAPS}?resourceVersion=x", 400, "BadRequest"),
        ("POST", f"{MAPS}?dryRun=Some", 422, "Invalid"),
        ("POST", f"{MAPS}?fieldValidation=Maybe", 422, "Invalid"),
    ],
)
def test_what_is_not_served_is_told(server: Server, method: str, path: str, code: int, reason: str) -> None:
    answer = server.ask(method, path, config_map("a") if method in ("POST", "PUT") else None)
    assert (answer.code, answer.json["reason"]) == (code, reason)
    assert answer.json["kind"] == "Status" and answer.json["message"]


@pytest.mark.parametrize(
    ("media", "body", "code"),
    [
        ("application/json", b"", 400),
        ("application/json", b"{", 400),
        ("application/json", b"[]", 400),
        ("application/json", b'{"metadata": {"name": NaN}}', 400),
        ("application/json", b'{"kind": "Pod"}', 400),
        ("application/json", b'{"apiVersion": "v2"}', 400),
        ("application/json", b"[" * 100_000, 400),
        ("application/yaml", b"a: [", 400),
        ("application/cbor", b"\xd9\xd9\xf7", 415),
        ("application/vnd.kubernetes.protobuf", b"k8s\x00\xff\xff", 400),
        ("application/vnd.kubernetes.protobuf", b"{}", 400),
    ],
)
def test_a_body_that_cannot_be_read(server: Server, media: str, body: bytes, code: int) -> None:
    assert server.ask("POST", MAPS, body, media).code == code


def test_yaml_is_read(server: Server) -> None:
    body = b"metadata: {name: from-yaml}\ndata: {day: 2026-01-01}\n"
    assert server.ask("POST", MAPS, body, "application/yaml").json["data"] == {"day": "2026-01-01"}


def test_a_patch_of_an_unknown_type(server: Server) -> None:
    server.ask("POST", MAPS, config_map("patched"))
    assert server.ask("PATCH", f"{MAPS}/patched", {}, "application/json").code == 415
    assert server.ask("PATCH", f"{MAPS}/patched", {}, "application/apply-patch+yaml").code == 422


def test_a_body_that_is_too_large(server: Server) -> None:
    answer = server.ask("POST", MAPS, b" " * (3 * 1024 * 1024 + 1))
    assert (answer.code, answer.json["reason"]) == (413, "RequestEntityTooLarge")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 70_000) | st.sampled_from(["", "a", "TCP", "http", "x y"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(
                (
                    *("name", "labels", "spec", "ports", "port", "containers", "image", "selector", "metadata"),
                    *("template", "matchLabels", "podSelector", "ingress", "from", "type", "status", "conditions"),
                )
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=15,
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.sampled_from(sorted(EVERY)), VALUES, st.sampled_from(["POST", "merge", "strategic", "json", "apply", "PUT"]))
def test_no_body_breaks_the_server(server: Server, path: str, value: Any, way: str) -> None:
    place = "/" + path.replace("NS", "default")
    if way == "POST":
        body = EVERY[path]("fuzzed") | value if isinstance(value, dict) else value
        answer = server.ask("POST", f"{place}?dryRun=All", body)
    else:
        server.ask("POST", place, EVERY[path]("fuzzed"))
        media = {
            "merge": "application/merge-patch+json",
            "strategic": "application/strategic-merge-patch+json",
            "json": "application/json-patch+json",
            "apply": "application/apply-patch+yaml",
        }.get(way, "application/json")
        query = "?dryRun=All&fieldManager=fuzz&force=true"
        answer = server.ask("PUT" if way == "PUT" else "PATCH", f"{place}/fuzzed{query}", value, media)
    assert answer.code < 500, answer.body
    json.loads(answer.body)


PARTS = st.sampled_from(["api", "apis", "v1", "apps", "namespaces", "default", "pods", "status", "log", "", "x"])


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(PARTS, max_size=8), st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE"]))
def test_no_path_breaks_the_server(server: Server, parts: list[str], method: str) -> None:
    if method == "DELETE" and "default" in parts:
        return
    answer = server.ask(method, "/" + "/".join(parts) + "?dryRun=All", deployment("x") if method != "GET" else None)
    assert answer.code < 500
    if answer.code >= 400:
        assert answer.json["kind"] == "Status"
