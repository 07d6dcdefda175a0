"""What is wrong with a kubeconfig, or with what it names, is one line; a right one leads in, over TLS with a token."""

import json
import shutil
import socket
from pathlib import Path

import pytest

from infraray.emulators.remote_cluster.api import Api
from infraray.errors import Unavailable
from tests.certificates import make_certificate
from tests.emulators.cluster.api_server.server import running_server
from tests.emulators.remote_cluster.remote import write_kubeconfig


def refusal(context: str = "") -> str:
    with pytest.raises(Unavailable) as refused:
        Api(context)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_a_file_that_is_missing_or_none_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    assert refusal().startswith(f"KUBECONFIG='{tmp_path}/none': no such file; ")
    for content in ("[", "hello", "{}", "", "\0"):
        (tmp_path / "none").write_text(content)
        assert refusal().startswith(f"KUBECONFIG='{tmp_path}/none': no kubeconfig (")
    monkeypatch.delenv("KUBECONFIG")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert refusal().startswith("~/.kube/config: no such file; ")


def test_an_unknown_context_is_named_with_the_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_kubeconfig(tmp_path / "config", 1, "kind-infraray")
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    assert refusal("kind-infrary") == (
        f"context='kind-infrary': not in KUBECONFIG='{tmp_path}/config'; did you mean kind-infraray?"
    )
    assert "known are kind-infraray" in refusal("x")


def test_a_cluster_that_does_not_answer_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    write_kubeconfig(tmp_path / "config", port)
    said = refusal()
    assert said.startswith(f"context='remote': its cluster at http://127.0.0.1:{port} does not answer (")
    assert said.endswith("; start it, or choose another context") and "refused" in said


def test_a_cluster_that_lets_nobody_in_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token").write_text("another")
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    with running_server(tmp_path, ["--token-file", str(tmp_path / "token")]) as server:
        write_kubeconfig(tmp_path / "config", int(server.url.rpartition(":")[2]))
        assert "Unauthorized" in refusal()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")
def test_a_kubeconfig_leads_in_over_tls_with_its_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate, key = make_certificate(tmp_path, "127.0.0.1")
    token = tmp_path / "token"
    token.write_text("secret")
    options = ["--certificate", str(certificate), "--key", str(key), "--token-file", str(token)]
    with running_server(tmp_path, options) as server:
        monkeypatch.setenv("KUBECONFIG", str(server.kubeconfig))
        names = [one["metadata"]["name"] for one in Api().request("GET", "/api/v1/namespaces")["items"]]
        assert "kube-system" in names
        config = json.loads(server.kubeconfig.read_text())
        del config["clusters"][0]["cluster"]["certificate-authority-data"]
        server.kubeconfig.write_text(json.dumps(config))
        assert "certificate verify failed" in refusal()
