"""The server's command: where it listens, whom it lets in, how it ends."""

import http.client
import shutil
import signal
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

import infraray.emulators.cluster.api_server as package
from tests.certificates import make_certificate
from tests.emulators.cluster.api_server.server import running_server

FOLDER = str(Path(package.__file__).parent)


def test_a_token_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("secret\n")
    with running_server(tmp_path, ["--token-file", str(tmp_path / "token")]) as server:
        refused = server.ask("GET", "/api/v1/namespaces")
        assert (refused.code, refused.json["reason"]) == (401, "Unauthorized")
        assert server.ask("GET", "/api/v1/namespaces", Authorization="Bearer secret").code == 200
        assert server.ask("GET", "/healthz").body == b"ok"


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")
def test_kubectl_sends_its_token_over_tls(tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path, "127.0.0.1")
    token = tmp_path / "token"
    token.write_text("secret")
    options = ["--certificate", str(certificate), "--key", str(key), "--token-file", str(token)]
    with running_server(tmp_path, options) as server:
        assert server.url.startswith("https://")
        assert "kube-system" in server.kubectl("get", "namespaces")
        context = ssl.create_default_context(cafile=str(certificate))
        connection = http.client.HTTPSConnection(server.url.removeprefix("https://"), context=context, timeout=10)
        connection.request("GET", "/api/v1/namespaces")
        assert connection.getresponse().status == 401
        connection.close()


def test_it_serves_on_an_inherited_socket() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        process = subprocess.Popen(
            [sys.executable, "-I", FOLDER, "--socket", str(listener.fileno())],
            stdout=subprocess.PIPE,
            text=True,
            pass_fds=[listener.fileno()],
        )
        assert process.stdout is not None
        assert process.stdout.readline() == f"http://127.0.0.1:{port}\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        process.stdout.close()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--listen", "here"], "--listen: 'here' is not HOST:PORT"),
        (["--certificate", "c"], "--certificate: needs --key"),
        (["--token-file", "/none"], "/none"),
        (["--service-network", "10.0.0.0/x"], "10.0.0.0/x"),
    ],
)
def test_wrong_options_are_told_in_one_line(options: list[str], told: str) -> None:
    done = subprocess.run([sys.executable, "-I", FOLDER, *options], capture_output=True, text=True, timeout=30)
    assert done.returncode != 0
    assert told in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_it_can_be_started_by_its_name() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "infraray.emulators.cluster.api_server", "--help"], capture_output=True, timeout=60
    )
    assert done.returncode == 0 and b"--kubeconfig" in done.stdout
