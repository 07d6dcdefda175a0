"""What `infraray new` writes works as it is: it plays, and passes the suite that all scenarios pass."""

import subprocess
import sys
from pathlib import Path

import pytest


def test_a_new_scenario_plays_and_conforms(command, tmp_path: Path) -> None:
    said = command("new", "scenario", "job_queue", "--folder", tmp_path / "own")
    assert said.status == 0, said.error
    assert sorted(path.name for path in (tmp_path / "own").iterdir()) == ["job_queue.py", "test_job_queue.py"]
    script = str(tmp_path / "own" / "job_queue.py")
    assert f"infraray play job_queue --import {script} --agent scripted:expert" in said.out
    played = command("play", "job_queue", "--import", script, "--agent", "scripted:expert")
    assert played.status == 0, played.error
    tests = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_job_queue.py"]
    done = subprocess.run(tests, cwd=tmp_path / "own", capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout and "skipped" not in done.stdout


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Job Queue", "name='Job Queue': must be small letters, digits and underscores"),
        ("1st", "name='1st': must be"),
        ("a__b", "name='a__b': must be"),
        ("x" * 300, "must have at most 100 characters"),
        ("caching", "name='caching': is taken by infraray/Caching-v0; choose another"),
    ],
)
def test_a_name_that_cannot_be_is_refused_in_a_line(command, tmp_path: Path, name: str, expected: str) -> None:
    said = command("new", "scenario", name, "--folder", tmp_path)
    assert (said.status, said.out, said.error.count("\n")) == (2, "", 1)
    assert expected in said.error and not list(tmp_path.iterdir())


def test_nothing_is_written_over(command, tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text("mine")
    said = command("new", "scenario", "mine", "--folder", tmp_path)
    assert said.status == 2 and "test_mine.py: is there already" in said.error
    assert [path.name for path in tmp_path.iterdir()] == ["test_mine.py"]
