"""Kubernetes' own API server, with etcd, in the place of infraray's: the binaries that somebody has installed.

Both are processes of the cluster's namespaces, keep their files in its memory, and end with it. Controllers, node agent
and policy agent are the same in front of either server; what infraray's does by itself, controllers do for this one
(`controllers.garbage_collection`, `controllers.namespaces`).

Source: kube-apiserver(8) and etcd(1), as their ``--help`` tells in versions 1.31 and 3.5.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from infraray.emulators.inside import namespaces

from .api_client import NAMESPACES, Address, ApiClient, ApiError

FOLDER = Path("/run/kubernetes")
FILES_BYTES = 2**30
"""Room for both programs' files. etcd alone sets 128 MB aside."""

START_S = 50.0
"""Time in which both must be ready on a busy computer."""

LOOK_S = 0.1

ETCD_PORT = 2379
SERVICE_NETWORK = "10.96.0.0/16"

DISABLED = ("ServiceAccount", "TaintNodesByCondition")
"""Admission that needs Kubernetes' controllers: accounts with tokens in each namespace, and taints taken off again."""


class KubeApiServer:
    """The server, which answers when the constructor returns.

    Args:
        program: the path of kube-apiserver.
        etcd: the path of etcd.
        host: where it listens.
        port: likewise.

    Raises:
        OSError: it does not start; the text is the last that it, or etcd, has said.
    """

    def __init__(self, program: str, etcd: str, host: str, port: int) -> None:
        self._ended = ""
        self._ready = False
        FOLDER.mkdir()
        safe = namespaces.MS_NOSUID | namespaces.MS_NODEV | namespaces.MS_NOEXEC
        namespaces.mount("tmpfs", str(FOLDER), "tmpfs", safe, f"size={FILES_BYTES}")
        self.certificate, self.key = FOLDER / "server.crt", FOLDER / "server.key"
        _make_certificate(self.certificate, self.key, host)
        token = secrets.token_hex(16)
        FOLDER.joinpath("tokens.csv").write_text(f'{token},infraray,infraray,"system:masters"\n')
        self.address = Address(f"https://{host}:{port}", token, self.certificate.read_text())
        store = f"http://127.0.0.1:{ETCD_PORT}"
        peers = "http://127.0.0.1:2380"
        self._start(
            etcd,
            f"--data-dir={FOLDER / 'etcd'}",
            f"--listen-client-urls={store}",
            f"--advertise-client-urls={store}",
            f"--listen-peer-urls={peers}",
            f"--initial-advertise-peer-urls={peers}",
            f"--initial-cluster=default={peers}",
            "--unsafe-no-fsync",
        )
        self._start(
            program,
            f"--etcd-servers={store}",
            f"--bind-address={host}",
            f"--advertise-address={host}",
            f"--secure-port={port}",
            f"--tls-cert-file={self.certificate}",
            f"--tls-private-key-file={self.key}",
            f"--token-auth-file={FOLDER / 'tokens.csv'}",
            "--authorization-mode=AlwaysAllow",
            f"--disable-admission-plugins={','.join(DISABLED)}",
            f"--service-cluster-ip-range={SERVICE_NETWORK}",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={self.key}",
            f"--service-account-signing-key-file={self.key}",
            "--kubelet-preferred-address-types=InternalIP",
        )
        self._wait()

    def _start(self, program: str, *arguments: str) -> None:
        """Starts a program; if it ends, the cluster does."""
        log = FOLDER / f"{Path(program).name}.log"
        with log.open("w") as said:
            process = subprocess.Popen([program, *arguments], stdout=said, stderr=said, stdin=subprocess.DEVNULL)
        threading.Thread(target=self._end_with, args=(process, log), name=Path(program).name, daemon=True).start()

    def _end_with(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self._ended = f"{log.stem} has ended (status {process.wait()}): {_last_line(log)}"
        if self._ready:
            os._exit(1)

    def _wait(self) -> None:
        """Waits until the server has what every cluster has."""
        client = ApiClient(self.address, "infraray")
        deadline = time.monotonic() + START_S
        why: object = ""
        while time.monotonic() < deadline and not self._ended:
            try:
                if client.get(NAMESPACES, "", "default") is not None:
                    self._ready = True
                    return
            except (ApiError, OSError, ValueError) as error:
                why = error
            time.sleep(LOOK_S)
        raise OSError(self._ended or f"kube-apiserver is not ready in {START_S:g} s: {why}")


def _make_certificate(certificate: Path, key: Path, host: str) -> None:
    """Makes a certificate that signs itself; its key also signs the tokens of service accounts."""
    command: Sequence[str | Path] = (
        *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3650", "-subj", "/CN=kube-apiserver"),
        *("-addext", f"subjectAltName=IP:{host},IP:127.0.0.1", "-keyout", key, "-out", certificate),
    )
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise OSError(f"openssl makes no certificate: {done.stderr.strip().splitlines()[-1:]}")


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1][:300] if lines else "without a word"
