"""The file by which kubectl and other clients find the server."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path


def write_kubeconfig(
    path: Path, server: str, token: str | None = None, certificate: str = "", namespace: str = "default"
) -> None:
    """Writes a kubeconfig, readable for its owner only.

    It is JSON, which is YAML too, so that nothing need be imported to write it.

    Args:
        path: File to write.
        server: URL, such as ``http://10.0.0.1:6443``.
        token: Bearer token. kubectl sends it over TLS only.
        certificate: The server's certificate in PEM, for ``https``.
        namespace: Namespace that commands mean by default.
    """
    cluster: dict[str, str] = {"server": server}
    if certificate:
        cluster["certificate-authority-data"] = base64.b64encode(certificate.encode()).decode()
    name = "infraray"
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": cluster}],
        "users": [{"name": name, "user": {} if token is None else {"token": token}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name, "namespace": namespace}}],
        "current-context": name,
    }
    # Written beside it and renamed, so that a client that waits for the file never reads a part of it.
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.touch(0o600)
    beside.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    beside.rename(path)
