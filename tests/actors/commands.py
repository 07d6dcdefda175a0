"""A command as a process of its own, with a folder for Ray of its own, and what is left of it."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import weakref
from pathlib import Path

from infraray.trajectories.reader import Run
from tests.actors.watching import wait_for


class Command:
    """``infraray ARGUMENTS``.

    Args:
        folder: where it is given, and where its processes keep their files.
        arguments: of the command.
        ray: where Ray keeps its files; a folder of its own without one.
    """

    def __init__(self, folder: Path, *arguments: object, ray: Path | None = None) -> None:
        self.folder = folder
        self.mark = f"INFRARAY_TEST={folder}"
        name, _, value = self.mark.partition("=")
        environment = {name: value for name, value in os.environ.items() if name not in ("RAY_ADDRESS", "RAY_TMPDIR")}
        # A short path: Ray's sockets lie below it.
        self.ray = ray if ray is not None else Path(tempfile.mkdtemp(prefix="t", dir="/tmp"))
        weakref.finalize(self, shutil.rmtree, self.ray, True)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "infraray", *map(str, arguments)],
            cwd=folder,
            env={**environment, name: value, "RAY_TMPDIR": str(self.ray)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=_heed_signals,
        )

    def wait(self) -> tuple[int, list[str]]:
        """The status, and the lines on standard error that are no progress."""
        try:
            _, errors = self.process.communicate(timeout=90)
        except subprocess.TimeoutExpired:
            self.process.terminate()  # else it would keep the machine busy beside all other tests
            raise
        lines = [line for line in errors.splitlines() if " episodes, " not in line and not line.startswith("trial ")]
        return self.process.returncode, lines

    def left(self) -> list[int]:
        """Its processes that live."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                if self.mark.encode() in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
            except OSError:
                continue
        return found

    def find(self, program: str) -> int:
        """Waits for the process of a program of Ray's, such as ``raylet``."""

        def found() -> list[int]:
            return [pid for pid in self.left() if _program(pid) == program]

        return wait_for(found)[0]

    def sessions(self) -> list[str]:
        """The folders of Ray's sessions that are there."""
        return [found.name for found in (self.ray / "ray").glob("session_2*")]


def collected(run_dir: Path) -> int:
    """How many episodes a run's folder holds, also while the run is under way."""
    return Run(run_dir).episodes().num_rows if (run_dir / "run.json").exists() else 0


def _heed_signals() -> None:
    """Undoes what nohup, or a shell that starts the tests in the background, passes on to all below."""
    for number in (signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)


def _program(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0].decode().rpartition("/")[2]
    except OSError:
        return ""
