#!/usr/bin/python3 -I
"""A stand-in for kube-apiserver: infraray's API server with its options, without what Kubernetes' leaves to others.

It lies beside a copy of the package ``api_server``. Like the real one it keeps nothing before its etcd answers, serves
TLS and takes tokens from a file, speaks TLS to kubelets, and has neither garbage collector nor namespace controller.
"""

import argparse
import asyncio
import ssl
import sys
import time
import types
import urllib.request
from contextlib import suppress
from pathlib import Path

HERE = Path(__file__).parent

for name, path in (
    ("infraray", HERE),
    ("infraray.emulators", HERE),
    ("infraray.emulators.cluster", HERE),
):
    package = types.ModuleType(name)
    package.__path__ = [str(path)]
    sys.modules[name] = package

from infraray.emulators.cluster.api_server import api, command, node_proxy  # noqa: E402


class Absent:
    """What only a controller manager does."""

    def __init__(self, *_: object) -> None: ...


async def tunnel(host: str, port: int, message: bytes, client: node_proxy.Connection) -> None:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_connection(lambda: node_proxy._Agent(client), host, port, ssl=context)
    transport.write(message)
    client.begin_tunnel(transport)


def main() -> None:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    for option in (
        *("etcd-servers", "bind-address", "advertise-address", "secure-port", "tls-cert-file", "tls-private-key-file"),
        *("token-auth-file", "authorization-mode", "disable-admission-plugins", "service-cluster-ip-range"),
        *("service-account-issuer", "service-account-key-file", "service-account-signing-key-file"),
        "kubelet-preferred-address-types",
    ):
        parser.add_argument(f"--{option}", required=True)
    given = parser.parse_args()
    for path in (given.service_account_key_file, given.service_account_signing_key_file):
        assert "PRIVATE KEY" in Path(path).read_text()
    while True:
        with suppress(OSError), urllib.request.urlopen(f"{given.etcd_servers}/health") as answer:
            assert answer.status == 200
            break
        time.sleep(0.05)
    token = Path(given.token_auth_file).with_name("token")
    token.write_text(Path(given.token_auth_file).read_text().partition(",")[0])
    sys.argv[1:] = [
        f"--listen={given.bind_address}:{given.secure_port}",
        f"--advertise={given.advertise_address}",
        f"--service-network={given.service_cluster_ip_range}",
        f"--certificate={given.tls_cert_file}",
        f"--key={given.tls_private_key_file}",
        f"--token-file={token}",
    ]
    api.GarbageCollector = api.NamespaceLifecycle = Absent  # type: ignore[assignment, misc]
    api.tunnel = tunnel  # type: ignore[attr-defined]
    command.main()


main()
