"""The file by which kubectl and other clients find the server."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any


def kubeconfig(
    server: str, token: str | None = None, certificate: str = "", namespace: str = "default", name: str = "infraray"
) -> dict[str, Any]:
    """A kubeconfig's content.

    Args:
        server: URL, such as ``http://10.0.0.1:6443``.
        token: Bearer token. kubectl sends it over TLS only.
        certificate: The server's certificate in PEM, for ``https``.
        namespace: Namespace that commands mean by default.
        name: What cluster, user and context are called.
    """
    cluster: dict[str, str] = {"server": server}
    if certificate:
        cluster["certificate-authority-data"] = base64.b64encode(certificate.encode()).decode()
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": cluster}],
        "users": [{"name": name, "user": {"token": token} if token else {}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name, "namespace": namespace}}],
        "current-context": name,
    }


def write_kubeconfig(path: Path, config: dict[str, Any]) -> None:
    """Writes a kubeconfig, readable for its owner only.

    It is JSON, which is YAML too, so that nothing need be imported to write it.
    """
    # Written beside it and renamed, so that a client that waits for the file never reads a part of it.
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.touch(0o600)
    beside.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    beside.rename(path)
