"""A signal ends a command at any moment: one line, the shell's status, no process and no folder of Ray's left."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.actors.commands import Command, collected
from tests.actors.watching import wait_for

RUN = ("run", "-s", "load_balance", "-a", "scripted:*", "--seeds", 2000, "--workers", 1, "-o", "out")
SEARCH = ("search", "-s", "load_balance", "-a", "scripted:power_of_two", "--trials", 500, "-o", "out")


def importing(command: Command) -> None:
    time.sleep(0.3)


def starting_ray(command: Command) -> None:
    command.find("gcs_server")


def just_started(command: Command) -> None:
    command.find("raylet")


def playing(command: Command) -> None:
    wait_for(lambda: collected(command.folder / "out") > 0)


def searching(command: Command) -> None:
    wait_for(lambda: (command.folder / "out" / "trials.jsonl").exists() and '"finished"' in journal(command))


def journal(command: Command) -> str:
    return (command.folder / "out" / "trials.jsonl").read_text()


@pytest.mark.parametrize(
    ("arguments", "moment", "number"),
    [
        (RUN, importing, signal.SIGINT),
        (RUN, starting_ray, signal.SIGTERM),
        (RUN, just_started, signal.SIGINT),
        (RUN, playing, signal.SIGTERM),
        (RUN, playing, signal.SIGHUP),
        (SEARCH, searching, signal.SIGINT),
    ],
)
def test_a_signal_ends_a_command_in_one_line(
    arguments: tuple, moment: Callable[[Command], None], number: int, tmp_path: Path
) -> None:
    command = Command(tmp_path, *arguments)
    moment(command)
    command.process.send_signal(number)
    status, lines = command.wait()
    name = signal.Signals(number).name
    assert lines == [f"stopped by {name}; what is collected is kept; give the same command again to continue"]
    assert status == 128 + number
    wait_for(lambda: not command.left(), 2)
    assert command.sessions() == []
    if moment is playing:
        assert collected(tmp_path / "out") > 0


def test_a_signal_in_the_midst_of_a_users_import_ends_the_command(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "import pathlib, time\npathlib.Path('there').touch()\n"
        "while True:\n    try:\n        time.sleep(1)\n    except Exception:\n        pass\n"
    )
    command = Command(tmp_path, "run", "--import", "mine.py", *RUN[1:])
    wait_for(lambda: (tmp_path / "there").exists())
    command.process.send_signal(signal.SIGTERM)
    assert command.wait() == (
        143,
        ["stopped by SIGTERM; what is collected is kept; give the same command again to continue"],
    )


@pytest.mark.parametrize("program", ["raylet", "gcs_server"])
@pytest.mark.parametrize("arguments", [RUN, SEARCH])
def test_a_lost_cluster_ends_a_command_in_one_line(arguments: tuple, program: str, tmp_path: Path) -> None:
    command = Command(tmp_path, *arguments)
    (playing if arguments is RUN else searching)(command)
    os.kill(command.find(program), signal.SIGKILL)
    status, lines = command.wait()
    assert status == 2
    assert len(lines) == 1 and lines[0].startswith("error: the Ray cluster is lost: its ")
    assert lines[0].endswith("; what is collected is kept; give the same command again to continue")
    wait_for(lambda: not command.left(), 2)


def test_the_next_start_clears_away_what_a_killed_driver_left(tmp_path: Path) -> None:
    killed = Command(tmp_path, *RUN)
    playing(killed)
    killed.process.kill()
    killed.process.communicate()
    assert len(killed.sessions()) == 1
    foreign = killed.ray / "ray" / "session_2026-01-01_00-00-00_000000_1"
    foreign.mkdir()
    again = Command(
        tmp_path, "run", "-s", "load_balance", "-a", "scripted:random", "--seeds", 2, "-o", "other", ray=killed.ray
    )
    assert again.wait() == (0, [])
    wait_for(lambda: not killed.left(), 2)
    assert again.sessions() == [foreign.name], "what is not ours stays"
    foreign.rmdir()
