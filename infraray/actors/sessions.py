"""The folders that Ray makes for the clusters that we start: one per session, with its logs and sockets.

Ray never removes them, and some of its processes live on for a minute if the driver is killed. Each of
our sessions is marked with its owner; whoever starts the next cluster ends what is left of dead ones.
"""

from __future__ import annotations

import os
import shutil
import stat
import time
from contextlib import suppress
from pathlib import Path

from infraray.scratch import has_ended, owner
from infraray.stopping import descendants, freeze_all, kill

REMOVE_S = 2.0

_MARK = "owned-by-"


def session_root() -> tuple[str, str]:
    """The environment variable that says where Ray keeps its files ("" if none does), and the folder."""
    for name in ("RAY_TMPDIR", "TMPDIR"):
        if name in os.environ:
            return name, os.environ[name]
    return "", "/tmp"


class OwnSessions:
    """The sessions that this process begins from now on, which Ray names by the process id."""

    def __init__(self) -> None:
        self._before = set(self._found())

    def mark(self) -> None:
        """Marks them as this process's."""
        for session in self._begun():
            (session / f"{_MARK}{owner()}").touch()

    def remove(self) -> None:
        """Removes their folders once none of their processes runs."""
        give_up = time.monotonic() + REMOVE_S
        while (begun := self._begun()) and time.monotonic() < give_up:
            for session in begun:
                _remove(session)  # into which an interrupted start may still be writing

    def _begun(self) -> list[Path]:
        return [session for session in self._found() if session not in self._before]

    @staticmethod
    def _found() -> list[Path]:
        return list(_sessions_folder().glob(f"session_*_{os.getpid()}"))


def sweep_sessions() -> None:
    """Ends and removes the sessions of owners that have ended."""
    for mark in _sessions_folder().glob(f"session_*/{_MARK}*"):
        if has_ended(mark.name.removeprefix(_MARK)):
            session = mark.parent
            kill(freeze_all(lambda session=session: _processes_of(session)))  # type: ignore[misc]
            _remove(session)


def _sessions_folder() -> Path:
    return Path(session_root()[1], "ray")


def _remove(session: Path) -> None:
    """Removes a session's folder, and the link to the latest session if it points there."""
    shutil.rmtree(session, ignore_errors=True)
    latest = session.with_name("session_latest")
    with suppress(OSError):
        if latest.is_symlink() and not latest.exists():
            latest.unlink()


def _processes_of(session: Path) -> list[int]:
    """This user's processes that were started with a session's name or have its files open, and their descendants."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with suppress(OSError):
                if entry.stat().st_uid == os.getuid() and _belongs(entry, session):
                    found.append(int(entry.name))
    return [*found, *(descendants(*found) if found else ())]


def _belongs(process: Path, session: Path) -> bool:
    if os.fsencode(session.name) in (process / "cmdline").read_bytes():
        return True
    # Some change their command line, but keep their log open. Who has a folder open is somebody who looks at it or
    # removes it, such as another run that starts at the same time, and may close it between two looks at it.
    for descriptor in (process / "fd").iterdir():
        with suppress(OSError):
            if os.readlink(descriptor).startswith(f"{session}{os.sep}"):
                if not stat.S_ISDIR(descriptor.stat().st_mode):
                    return True
    return False
