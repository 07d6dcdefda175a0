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
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

PREFIX = "infraray-"

STALE_S = 60.0
"""An empty group of this age is one that a killed process has left."""

ENTER = 'echo 0 > "$0/cgroup.procs" && exec "$@"'
"""What a shell does that becomes a command in a group."""

_MOUNT = re.compile(r"^\S+ \S+ \S+ (\S+) (\S+) .* - (cgroup2?) \S+ (\S+)$", re.MULTILINE)
_FILE_PAGES = re.compile(r"^(?:total_)?(?:in)?active_file (\d+)", re.MULTILINE)
_KILLED = re.compile(r"^oom_kill (\d+)", re.MULTILINE)


class MemoryGroup:
    """One sandbox's group. Close it when the sandbox has ended.

    Args:
        parent: the group in which it is made.
        limit_bytes: what the kernel lets it keep.

    Raises:
        OSError: it cannot be made.
    """

    def __init__(self, parent: Path, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self._folder = parent / f"{PREFIX}{os.getpid()}-{secrets.token_hex(8)}"
        self._folder.mkdir()
        self._version_2 = (self._folder / "memory.max").exists()
        limits = ("memory.max", "memory.swap.max") if self._version_2 else _LIMITS_1
        try:
            for name, value in zip(limits, (limit_bytes, 0 if self._version_2 else limit_bytes), strict=True):
                with suppress(FileNotFoundError):  # the kernel does not count swap
                    (self._folder / name).write_text(str(value))
        except OSError:
            self.close()
            raise

    def entering(self, words: list[str]) -> list[str]:
        """The command that starts another command in the group."""
        return ["/bin/sh", "-c", ENTER, str(self._folder), *words]

    def used_bytes(self) -> int:
        """What is kept, without what the kernel has read of files and could read again."""
        used = int(self._read("memory.current" if self._version_2 else "memory.usage_in_bytes"))
        stat = self._read("memory.stat")
        # Version 1 also tells its own part without what is below it, which is the same here.
        names = [match for match in _FILE_PAGES.finditer(stat) if self._version_2 == (match[0][:6] != "total_")]
        return used - sum(int(match[1]) for match in names)

    def killed(self) -> bool:
        """Whether the kernel has ended a process at the limit."""
        found = _KILLED.search(self._read("memory.events" if self._version_2 else "memory.oom_control"))
        return found is not None and int(found[1]) > 0

    def close(self) -> None:
        """Removes it, now that no process is in it."""
        with suppress(OSError):
            self._folder.rmdir()

    def _read(self, name: str) -> str:
        return (self._folder / name).read_text()


_LIMITS_1 = ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes")


def make(limit_bytes: int) -> MemoryGroup | None:
    """A group for a sandbox; None where this process cannot make one."""
    parent = _parent()
    if parent is None:
        return None
    try:
        return MemoryGroup(parent, limit_bytes)
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
                group = MemoryGroup(folder, 2**30)
                try:
                    trial = subprocess.run(group.entering(["/bin/true"]), env={}, capture_output=True, timeout=10)
                finally:
                    group.close()
                return folder if trial.returncode == 0 else None
    except (OSError, subprocess.TimeoutExpired):
        pass
    return None


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
