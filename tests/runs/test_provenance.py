"""A manifest says where results come from, of every start, and keeps no secret."""

import json
import platform
import subprocess
from pathlib import Path

import pytest

from infraray import provenance
from infraray.provenance import describe, git_state, session, shown_command, with_session
from infraray.trajectories.manifest import Manifest
from infraray.trajectories.store import write_manifest

SECRETS = [
    ["--token", "SECRET"],
    ["--api-key=SECRET"],
    ["--header", "Authorization=Bearer SECRET"],
    ["--header", "Authorization: Bearer SECRET"],
    ["--header", "X-API-Key=SECRET"],
    ["-a", "chat:m@https://user:SECRET@host/v1?max_tokens=3"],
    ["-a", "chat:m@https://SECRET@host/v1"],
    ["-a", "chat:m@https://host/v1?token=SECRET&strategy=react"],
    ["OPENAI_API_KEY=SECRET"],
    ["HF_TOKEN=SECRET", "--password", "SECRET"],
    ["sk-proj-SECRETSECRET"],
    ["hf_SECRETSECRETSECRET"],
    ["github_pat_SECRETSECRET"],
    ["AIzaSECRETSECRET"],
    ["eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.SECRET"],
    ["--header", "X-Honeycomb-Team=SECRET"],
    ["--header=x-team: SECRET of two words"],
    ["http://host/v1/traces?sig=SECRET"],
    ["https://host/?X-Amz-Signature=SECRET&x=1"],
    ["https://host/v1#access_token=SECRET"],
    ["https://user:pass@SECRET@host/v1"],
    ['{"api_key": "SECRET"}'],
    ["engine.args=--port 8000 --api-key SECRET"],
    ["--passphrase", "SECRET", "passwd=SECRET", "--credentials=SECRET"],
]


@pytest.mark.parametrize("arguments", SECRETS)
def test_a_command_is_shown_without_its_secrets(arguments: list[str]) -> None:
    shown = shown_command(["infraray", "run", *arguments, "--seeds", "20"])
    assert "SECRET" not in shown and "..." in shown
    assert shown.startswith("infraray run ") and shown.endswith("--seeds 20")


def test_what_is_no_secret_is_shown_as_it_is() -> None:
    command = ["infraray", "run", "-a", "chat:m@http://h/v1?api_key_env=MY_KEY&max_tokens=5", "--workers", "2", "a b"]
    assert shown_command(command) == (
        "infraray run -a 'chat:m@http://h/v1?api_key_env=MY_KEY&max_tokens=5' --workers 2 'a b'"
    )


def test_a_session_names_code_versions_and_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = session()
    assert json.loads(json.dumps(found)) == found
    assert found["versions"]["python"] == platform.python_version()
    assert {"infraray", "ray", "numpy", "pyarrow", "gymnasium"} <= found["versions"].keys()
    assert found["host"] and found["hardware"]["cores"] >= 1 and found["hardware"]["memory_bytes"] > 2**28
    assert found["git"] is None and found["folder"] == str(tmp_path)


def test_a_commit_and_changes_since_are_told(tmp_path: Path) -> None:
    def git(*arguments: str) -> str:
        who = ["-c", "user.name=a", "-c", "user.email=a@b"]
        return subprocess.run(
            ["git", "-C", str(tmp_path), *who, *arguments], check=True, capture_output=True, text=True
        ).stdout.strip()

    git("init", "-q")
    (tmp_path / "file").write_text("1")
    git("add", "file")
    git("commit", "-qm", "one")
    assert git_state(tmp_path) == {"commit": git("rev-parse", "HEAD"), "dirty": False}
    (tmp_path / "file").write_text("2")
    assert git_state(tmp_path) == {"commit": git("rev-parse", "HEAD"), "dirty": True}


def test_every_start_is_kept_and_the_first_time_stays(tmp_path: Path) -> None:
    for number in range(3):
        write_manifest(tmp_path, Manifest(name="x", created_at=f"time {number}", sessions=({"started_at": number},)))
    kept = json.loads((tmp_path / "run.json").read_text())
    assert kept["created_at"] == "time 0"
    assert [each["started_at"] for each in kept["sessions"]] == [0, 1, 2]


@pytest.mark.parametrize("before", [None, {}, "x", 3])
def test_sessions_of_another_shape_are_passed_over(before: object) -> None:
    assert len(with_session(before)) == 1
    assert describe(before) == []
    assert describe([before, {"started_at": "2026-01-01T00:00:00+00:00"}])[0] == "Started 2026-01-01 00:00:00 UTC."


def test_the_lines_name_what_a_reader_looks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["infraray", "run", "x.yaml"])
    text = "\n".join(describe([session(), session(), session()]))
    assert "resumed 2 times" in text and "Command: infraray run x.yaml (in " in text
    assert f"python {platform.python_version()}" in text and "cores of" in text


def test_a_machine_without_git_and_gpus_has_a_session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provenance.shutil, "which", lambda name: None)
    found = session()
    assert (found["git"], found["infraray_git"], found["hardware"]["gpus"]) == (None, None, [])
