"""Temporary folders: one for each owner, gone with it however it ends."""

import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from infraray.scratch import make_scratch, remove_scratch, scratch_folder, started_at, sweep


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return tmp_path


def killed_owner() -> int:
    """A process that was killed while it had two folders."""
    program = "from infraray.scratch import make_scratch as make; print(make(), make()); input()"
    command = [sys.executable, "-u", "-c", program]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        one, two = map(Path, owner.stdout.readline().split())
        assert one.is_dir() and two.is_dir() and one.parent == two.parent
        assert one.parent.name.startswith(f"infraray-{owner.pid}-{started_at(owner.pid)}-")
        owner.kill()
        return owner.pid


def test_all_folders_of_a_process_lie_in_one_that_goes_with_the_last(temporary: Path) -> None:
    one = make_scratch()
    with scratch_folder() as two:
        (two / "file").touch()
        assert list(temporary.iterdir()) == [one.parent] == [two.parent]
    assert one.is_dir() and not two.exists()
    remove_scratch(one)
    remove_scratch(one)
    assert not list(temporary.iterdir())


def test_the_folders_of_a_killed_owner_go_when_the_next_one_makes_its_first(temporary: Path) -> None:
    killed_owner()
    assert len(list(temporary.iterdir())) == 1
    with scratch_folder() as mine:
        assert list(temporary.iterdir()) == [mine.parent]


def test_what_belongs_to_the_living_to_elsewhere_or_to_others_stays(temporary: Path) -> None:
    program = "from infraray.scratch import make_scratch; print(make_scratch()); input()"
    command = [sys.executable, "-u", "-c", program]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None and owner.stdin is not None
        alive = Path(owner.stdout.readline().strip()).parent
        # Of a process in another container; of a user; not ours.
        kept = [f"infraray-{owner.pid}-1-0000", "infraray-notes", "infraray-1-2", "other-1-2-0000"]
        for name in kept:
            (temporary / name).mkdir()
        # The process id was given again: its first owner has ended.
        (temporary / alive.name.replace(f"-{started_at(owner.pid)}-", "-1-")).mkdir()
        sweep()
        assert {path.name for path in temporary.iterdir()} == {alive.name, *kept}
        owner.stdin.close()


def test_threads_that_make_and_remove_folders_do_not_take_each_others(temporary: Path) -> None:
    failures: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(100):
                with scratch_folder() as folder:
                    (folder / "file").touch()
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures and not list(temporary.iterdir())


def test_an_engines_sockets_fit_into_it_wherever_temporary_folders_usually_are() -> None:
    with scratch_folder() as folder:
        # Of a process with the largest id, a year after the machine was started.
        name = folder.parent.name.replace(str(os.getpid()), str(2**22), 1)
        name = name.replace(str(started_at(os.getpid())), str(100 * 365 * 86_400), 1)
        socket = Path("/var/folders/temporary", name, folder.name, "t", "b1b1b891-a827-4c98-90a2-e3d0a1b2c3d4")
        assert len(str(socket)) <= 107


def test_who_has_ended_or_never_was_has_no_start() -> None:
    assert started_at(os.getpid()) is not None
    assert started_at(2**22 + 1) is None
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
        assert started_at(ended.pid) is None
