"""What a dead owner's session left is ended; who only looks at its folder, or removes it as well, lives."""

import subprocess
import sys
from pathlib import Path

import pytest

from infraray.actors.sessions import sweep_sessions


def test_another_start_that_removes_the_same_session_is_not_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    said = subprocess.run(
        [sys.executable, "-c", "from infraray.scratch import owner; print(owner())"], capture_output=True, text=True
    )
    session = tmp_path / "ray" / "session_2026-01-01_00-00-00_000000_1"
    (session / "logs").mkdir(parents=True)
    (session / f"owned-by-{said.stdout.strip()}").touch()
    left, remover = (
        subprocess.Popen(["bash", "-c", f"exec {opened}; echo; sleep 600"], cwd=session, stdout=subprocess.PIPE)
        for opened in ("9> logs/raylet.out", "9< logs")
    )
    try:
        assert left.stdout.readline() == remover.stdout.readline() == b"\n"
        sweep_sessions()
        left.wait(10)
        assert not session.exists() and remover.poll() is None
    finally:
        for process in (left, remover):
            process.kill()
            process.communicate()
