"""What a path means, and that none means two things."""

import pytest

from infraray.emulators.remote_cluster.paths import ApiPath, read_path


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("/api/v1/pods", ApiPath("/api/v1", "pods")),
        ("/api/v1/namespaces", ApiPath("/api/v1", "namespaces")),
        ("/api/v1/namespaces/a", ApiPath("/api/v1", "namespaces", "", "a")),
        ("/api/v1/namespaces/a/pods/b/log", ApiPath("/api/v1", "pods", "a", "b", "log")),
        ("/apis/apps/v1/namespaces/a/deployments/", ApiPath("/apis/apps/v1", "deployments", "a")),
        ("/apis/apps/v1", None),
        ("/api", None),
        ("/", None),
        ("/openapi/v3/apis/apps/v1", None),
        ("/version", None),
    ],
)
def test_a_path_means_objects_or_none(path: str, meant: ApiPath | None) -> None:
    assert read_path(path) == meant


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/namespaces/a/../b/pods",
        "/api/v1/namespaces/a/%2e%2e/b/pods",
        "/api/v1//namespaces/a/pods",
        "/api/v1/namespaces/a/pods/b/proxy/metrics",
        "/api/v1/watch/namespaces/a/secrets",
        "/api/v1/nodes/a",
        "/api/v1/nodes/a/proxy/logs",
    ],
)
def test_what_could_lead_elsewhere_is_none(path: str) -> None:
    with pytest.raises(ValueError, match=r"^/"):
        read_path(path)
