"""A command that ends with its owner: the owner's side of the supervisors."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

_SUPERVISOR = Path(__file__).with_name("supervisor.py")


class SupervisedCommand:
    """Starts a command below two supervisors, which end it and everything that it started when this process ends.

    Args:
        command: the program and its arguments.
        environment: its environment variables.
        log: the file that gets what it prints, in a folder of its own, which goes when this process is killed.
        grace_s: how long it may take to end by itself once it is asked to.
        pass_fds: descriptors that it inherits.
    """

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        log: Path,
        grace_s: float,
        pass_fds: Sequence[int] = (),
    ) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(_SUPERVISOR), str(os.getpid()), str(grace_s), str(log), *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=dict(environment),
            start_new_session=True,
            pass_fds=tuple(pass_fds),
        )

    @property
    def pid(self) -> int:
        """The root of its processes."""
        return self._process.pid

    def status(self) -> int | None:
        """The exit status once nothing is left; None until then."""
        return self._process.poll()

    def end(self, timeout_s: float) -> bool:
        """Ends it, and returns whether nothing is left in time. May be called twice."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return False
        return True
