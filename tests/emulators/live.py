"""What the tests of live networks share: when they can run, and what a machine has of networks."""

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from infraray.emulators.network import problem
from infraray.emulators.network.topology import Topology

REASON = problem()
needs_networks = pytest.mark.skipif(REASON is not None, reason=str(REASON))


def table(topology: Topology, reaches: Callable[[str, str], bool]) -> np.ndarray:
    """The pingmesh in which ``reaches(source, target)`` says what is True."""
    machines = topology.machines
    return np.array([[source == target or reaches(source, target) for target in machines] for source in machines])


def subnet(topology: Topology, machine: str) -> int:
    """A host's subnet 1, 2, ...; 0 for a router."""
    return 0 if machine in topology.routers else 1 + topology.hosts.index(machine) // topology.hosts_per_subnet


ROOT = Path(__file__).parents[2]

NOBODY = 65534


def as_nobody() -> list[str]:
    """The words that make a command an ordinary user's. One right is left: to read an interpreter in root's home."""
    if os.getuid() != 0:
        return []
    right = "-all,+dac_read_search"
    user = [f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    return ["setpriv", *user, f"--inh-caps={right}", f"--ambient-caps={right}"]


def kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def wait_until(condition: Callable[[], object], seconds: float = 20.0) -> bool:
    """Whether it becomes true in time."""
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


def descendants(pid: int) -> list[int]:
    """All processes below one, as this pid namespace numbers them."""
    children: dict[int, list[int]] = {}
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            try:
                parent = int((path / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            children.setdefault(parent, []).append(int(path.name))
    found, waiting = [], [pid]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


def first_processes(pid: int) -> list[int]:
    """Those below a process that are the first ones of a pid namespace: a network's, or a command's."""
    found = []
    for below in descendants(pid):
        try:
            status = Path(f"/proc/{below}/status").read_text()
        except OSError:
            continue
        numbers = next(line.split()[1:] for line in status.splitlines() if line.startswith("NSpid:"))
        if len(numbers) > 1 and numbers[-1] == "1":
            found.append(below)
    return found


def namespaces(pid: int) -> dict[str, Path]:
    """The namespaces of a process, and where each can be opened; none when it has ended."""
    found = {}
    for kind in ("net", "user", "mnt", "pid", "ipc", "uts"):
        path = Path(f"/proc/{pid}/ns/{kind}")
        try:
            found[os.readlink(path)] = path
        except OSError:
            pass
    return found


class Traces:
    """Notes what a process and all below it have, to see later whether anything of it is left."""

    def __init__(self) -> None:
        self.interfaces = set(os.listdir("/sys/class/net"))
        self.named = set(os.listdir("/run/netns")) if os.path.isdir("/run/netns") else set()
        self.mounts = Path("/proc/self/mountinfo").read_text()
        self.processes: set[tuple[int, str]] = set()
        self.namespaces: dict[str, int] = {}
        """Those that were seen, kept open: the kernel would give the number of one that is gone to the next one that is
        made, such as by a test beside this one."""

    def note(self, pid: int) -> list[int]:
        """Looks at a process; returns those below it."""
        below, own = descendants(pid), namespaces(os.getpid())
        for member in (pid, *below):
            started = start_time(member)
            if started:
                self.processes.add((member, started))
                self._keep({name: path for name, path in namespaces(member).items() if name not in own})
        return below

    def _keep(self, found: Mapping[str, Path]) -> None:
        for name in found.keys() - self.namespaces.keys():
            try:
                opened = os.open(found[name], os.O_RDONLY)
            except OSError:
                continue  # the process has ended meanwhile
            if os.readlink(f"/proc/self/fd/{opened}") == name:
                self.namespaces[name] = opened
            else:
                os.close(opened)

    def left(self) -> list[str]:
        """What of it is still there."""
        found = [f"process {pid}" for pid, started in self.processes if start_time(pid) == started]
        inhabited = set()
        for path in Path("/proc").iterdir():
            if path.name.isdigit():
                inside = namespaces(int(path.name)).keys() & self.namespaces.keys()
                inhabited |= inside
                found += [f"{name} in {path}" for name in inside]
        for name in self.namespaces.keys() - inhabited:
            os.close(self.namespaces.pop(name))  # it ends, and its interfaces with it
        found += [f"interface {name}" for name in set(os.listdir("/sys/class/net")) - self.interfaces]
        if os.path.isdir("/run/netns"):
            found += [f"/run/netns/{name}" for name in set(os.listdir("/run/netns")) - self.named]
        if Path("/proc/self/mountinfo").read_text() != self.mounts:
            found.append("a mount")
        return found


def start_time(pid: int) -> str:
    """When a process was started; empty when it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]


def kill_at_random_moments(user: "subprocess.Popen[str]", chance: random.Random, longest_s: float) -> None:
    """Kills one after the other below a process that uses emulators, then the process; nothing may be left."""
    traces = Traces()
    below: list[int] = []
    killed = 0
    # However busy the machine is: several kills, and several systems that were there.
    while killed < 6 or len(traces.namespaces) <= 10:
        until = time.monotonic() + chance.uniform(0.05, longest_s)
        while time.monotonic() < until:
            below = traces.note(user.pid)
            time.sleep(0.01)
        if below:
            kill(chance.choice(below))
            killed += 1
        assert user.poll() is None, user.communicate()[0]
    traces.note(user.pid)
    kill(user.pid)
    user.wait()
    assert wait_until(lambda: not traces.left()), traces.left()
