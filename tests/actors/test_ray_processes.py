"""A cluster of our own has the processes that a run needs, and no others."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import ray
from ray._private import services

from infraray.actors.ray_processes import TRIED, only_what_runs_need
from tests.actors.commands import Command, collected
from tests.actors.watching import wait_for

RUN = ("run", "-s", "load_balance", "-a", "scripted:*", "--seeds", 2000, "--workers", 1, "-o", "out")
IDLE = ("dashboard", "Dashboard", "monitor")


def titles(command: Command) -> list[str]:
    """The command lines of its living processes, without what Ray's are told of one another."""
    found = []
    for pid in command.left():
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
        except OSError:
            continue
        found.append(" ".join(word for word in words if not word.startswith("--")))
    return found


def test_actors_may_have_runtime_environments(ray_session: None) -> None:
    @ray.remote(num_cpus=0, runtime_env={"env_vars": {"INFRARAY_TEST_SETTING": "there"}})
    def setting() -> str | None:
        return os.environ.get("INFRARAY_TEST_SETTING")

    assert ray.get(setting.remote(), timeout=120) == "there"


@pytest.mark.skipif(not ray.__version__.startswith(TRIED), reason="this version of Ray starts all of its processes")
def test_a_run_on_this_machine_has_no_dashboard_and_no_monitor(tmp_path: Path) -> None:
    command = Command(tmp_path, *RUN)
    wait_for(lambda: collected(tmp_path / "out") > 0, 200)
    running = titles(command)
    assert any(title.startswith("ray::RolloutWorker") for title in running)
    assert any("gcs_server" in title for title in running)
    assert [title for title in running if any(part in title for part in IDLE)] == []
    os.kill(command.find("raylet"), signal.SIGKILL)
    assert command.wait()[0] == 2
    wait_for(lambda: not command.left(), 5)


def test_ray_is_left_as_it_was() -> None:
    before = services.start_ray_process, services.start_api_server
    with pytest.raises(KeyError), only_what_runs_need():
        raise KeyError
    assert (services.start_ray_process, services.start_api_server) == before


def test_what_plays_imports_neither_plots_nor_tune() -> None:
    code = (
        "import sys, infraray.cli, infraray.launch, infraray.actors.scheduler, infraray.progress\n"
        "print([name for name in ('matplotlib', 'pandas', 'ray.tune', 'scipy', 'torch') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
