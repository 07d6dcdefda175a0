"""A memory cgroup for each sandbox, where this process may make one: the kernel then counts everything that it keeps.

Version 2 shares memory out below a group only where the group has no processes itself. A sandbox's group is therefore
made beside this process's or further up, in the nearest group that shares memory out and that this user may change:
root's everywhere, an ordinary user's below what systemd delegates (`systemd-run --user --scope`). Version 1 has no such
rule, and the group is made below this process's.

Sources: Linux ``Documentation/admin-guide/cgroup-v2.rst`` and ``cgroup-v1/memory.rst``; systemd's CGROUP_DELEGATION.
"""

from __future__ import annotations

import functools
import os
import re
import secrets
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

PREFIX = "infraray-"

STALE_S = 60.0
"""An empty group of this age is one that a killed process has left."""

READ_BYTES = 2**16
"""More than any of a group's files has."""

_MOUNT = re.compile(r"^\S+ \S+ \S+ (\S+) (\S+) .* - (cgroup2?) \S+ (\S+)$", re.MULTILINE)
_FILE_PAGES = rb"(?m)^%s(?:in)?active_file (\d+)"
_KILLED = re.compile(rb"^oom_kill (\d+)", re.MULTILINE)

_FILES_1 = ("cgroup.procs", "memory.usage_in_bytes", "memory.stat", "memory.oom_control")
_FILES_2 = ("cgroup.procs", "memory.current", "memory.stat", "memory.events")
_LIMITS_1 = ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes")


class MemoryGroup:
    """One sandbox's group, by its open files. Close it when the sandbox has ended.

    The kernel asks what a process may do when it opens these files, and not when it uses them. They can therefore be
    sent into a user namespace in which no group can be made (`socket.send_fds`).

    Args:
        files: descriptors of the files in which are its processes, its usage, what that consists of, and its events.
        folder: where it is made; None where another process has made it, and removes it.
    """

    def __init__(self, files: Sequence[int], folder: Path | None = None) -> None:
        self.files = tuple(files)
        self.folder = folder
        self._processes, self._usage, self._stat, self._events = files

    @classmethod
    def below(cls, parent: Path, limit_bytes: int) -> MemoryGroup:
        """A new group that the kernel lets keep so much.

        Raises:
            OSError: it cannot be made.
        """
        folder = parent / f"{PREFIX}{os.getpid()}-{secrets.token_hex(8)}"
        folder.mkdir()
        opened: list[int] = []
        try:
            version_2 = (folder / "memory.max").exists()
            limits = ("memory.max", "memory.swap.max") if version_2 else _LIMITS_1
            for name, value in zip(limits, (limit_bytes, 0 if version_2 else limit_bytes), strict=True):
                with suppress(FileNotFoundError):  # the kernel does not count swap
                    (folder / name).write_text(str(value))
            for name in _FILES_2 if version_2 else _FILES_1:
                opened.append(os.open(folder / name, os.O_RDONLY if opened else os.O_WRONLY))
        except OSError:
            for file in opened:
                os.close(file)
            folder.rmdir()
            raise
        return cls(opened, folder)

    def enter(self, process: int) -> bool:
        """Moves a process into the group, and with it what it forks; whether the kernel permits that."""
        try:
            os.write(self._processes, b"%d" % process)
        except OSError:
            return False  # Linux before 5.16 asks who writes
        return True

    def used_bytes(self) -> int:
        """What is kept, without what the kernel has read of files and could read again."""
        stat = os.pread(self._stat, READ_BYTES, 0)
        # Version 1 also tells its own part without what is below it, which is the same here.
        files = re.findall(_FILE_PAGES % b"total_", stat) or re.findall(_FILE_PAGES % b"", stat)
        return int(os.pread(self._usage, READ_BYTES, 0)) - sum(map(int, files))

    def killed(self) -> bool:
        """Whether the kernel has ended a process at the limit."""
        found = _KILLED.search(os.pread(self._events, READ_BYTES, 0))
        return found is not None and int(found[1]) > 0

    def close(self) -> None:
        """Lets go of it, and removes it where it is this process's, now that nothing is in it."""
        for file in self.files:
            os.close(file)
        if self.folder is not None:
            with suppress(OSError):
                self.folder.rmdir()


@contextmanager
def received(files: Sequence[int]) -> Iterator[MemoryGroup | None]:
    """The group that another process has made, by the files that it sent; None if it sent none."""
    group = MemoryGroup(files) if files else None
    try:
        yield group
    finally:
        if group is not None:
            group.close()


def make(limit_bytes: int) -> MemoryGroup | None:
    """A group for a sandbox; None where this process cannot make one."""
    parent = _parent()
    if parent is None:
        return None
    try:
        return MemoryGroup.below(parent, limit_bytes)
    except OSError:
        return None


@functools.cache
def _parent() -> Path | None:
    """The group in which this process makes others, after a trial; None where it can make none."""
    try:
        if "nokmem" in Path("/proc/cmdline").read_text():
            return None  # what the kernel keeps would not count
        own, mounts = Path("/proc/self/cgroup").read_text(), Path("/proc/self/mountinfo").read_text()
        for folder in candidates(own, mounts):
            if os.access(folder, os.W_OK) and os.access(folder / "cgroup.procs", os.W_OK):
                _remove_stale(folder)
                return folder if _can_be_entered(folder) else None
    except OSError:
        pass
    return None


def _can_be_entered(folder: Path) -> bool:
    """Whether a child of this process can be moved into a group that is made there."""
    group = MemoryGroup.below(folder, 2**30)
    try:
        with subprocess.Popen(["/bin/cat"], env={}, stdin=subprocess.PIPE) as trial:
            return group.enter(trial.pid)
    finally:
        group.close()


def candidates(own: str, mounts: str) -> Iterator[Path]:
    """The groups that share memory out, from this process's own upwards.

    Args:
        own: /proc/self/cgroup.
        mounts: /proc/self/mountinfo.
    """
    groups = {kinds: path for _, kinds, path in (line.split(":", 2) for line in own.splitlines())}
    version_1 = next((path for kinds, path in groups.items() if "memory" in kinds.split(",")), None)
    for root, mounted_at, kind, options in _MOUNT.findall(mounts):
        path = version_1 if kind == "cgroup" and "memory" in options.split(",") else None
        if version_1 is None and kind == "cgroup2":
            path = groups.get("")
        if path is None or not Path(path).is_relative_to(root):
            continue
        top = Path(mounted_at)
        folder = top / Path(path).relative_to(root)
        if kind == "cgroup":
            yield folder
            return
        for group in (folder, *(above for above in folder.parents if above.is_relative_to(top))):
            with suppress(OSError):
                if "memory" in (group / "cgroup.subtree_control").read_text().split():
                    yield group


def _remove_stale(folder: Path) -> None:
    for group in folder.glob(f"{PREFIX}*"):
        with suppress(OSError):
            if time.time() - group.stat().st_mtime > STALE_S:
                group.rmdir()  # the kernel refuses where a process is in it
