"""Emulated networks against stock Mininet: `python -m benchmarks.emulator`, some eight minutes.

Prints in one run, for NetArena's largest network of 4 subnets x 4 hosts:
- from nothing to a whole network and its first pingmesh, with imports and namespaces (target: under 1 s), and
  the same with a prepared network (target: under 0.1 s);
- the pingmesh of a network in which nothing answers against Mininet's pingAll with a time-out of 1 s (target: 50
  times faster), and of a whole one;
- networks that are taken, broken, measured and closed per minute, 16 at once against one at a time;
- memory for each of 16 networks that live at once;
- wrong cells in 1000 measurements of whole and 1000 of broken networks (target: none).
"""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import permutations
from pathlib import Path

import numpy as np

from benchmarks.elapsed import median_of_interpreters, seconds
from benchmarks.memory import proportional_kib
from benchmarks.table import Row, print_table
from infraray.emulators.network.namespace_network import NamespaceNetwork, fork_server
from infraray.emulators.network.supply import NetworkSupply
from infraray.emulators.network.topology import Topology

TOPOLOGY = Topology(4, 4)
REPEATS = 11
AT_ONCE = 16
CYCLES = 96
MEASUREMENTS = 1000

NAMESPACES = ["unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork", "--mount-proc", "--net"]
COLD = """
import time
from infraray.emulators.network.namespace_network import NamespaceNetwork
from infraray.emulators.network.topology import Topology
began = time.perf_counter()
network = NamespaceNetwork(Topology(4, 4))
assert network.pingmesh().all()
print(time.perf_counter() - began)
"""

FAULTS: dict[str, Callable[[bool, bool, bool], bool]] = {
    # What reaches: (in one subnet, the router is one of them, subnet 1 is one of them and not both)
    "sysctl -w net.ipv4.ip_forward=0": lambda near, router, cut: near or router,
    "ip link set r0-eth1 down": lambda near, router, cut: not cut,
    "ip addr flush dev r0-eth1": lambda near, router, cut: not cut,
    "iptables -A FORWARD -s 192.168.1.0/24 -j DROP": lambda near, router, cut: not cut or router,
    "ip rule add prohibit pref 0": lambda near, router, cut: near,
}


def expected(reaches: Callable[[bool, bool, bool], bool]) -> np.ndarray:
    """The expected table under a fault."""
    subnets = [1 + number // TOPOLOGY.hosts_per_subnet for number in range(len(TOPOLOGY.hosts))] + [0]
    found = np.eye(len(subnets), dtype=np.bool_)
    for (source, one), (target, other) in permutations(enumerate(subnets), 2):
        found[source, target] = reaches(one == other, 0 in (one, other), (one == 1) != (other == 1))
    return found


def prepared_s() -> float:
    """Median wait of an environment after the agent has thought for a second."""
    supply = NetworkSupply(TOPOLOGY)
    supply.take().close()
    found = []
    for _ in range(REPEATS):
        time.sleep(1.0)
        began = time.perf_counter()
        with supply.take() as network:
            assert network.pingmesh().all()
            found.append(time.perf_counter() - began)
    supply.close()
    return statistics.median(found)


def cycle(number: int) -> None:
    """One network's life without an agent."""
    command, reaches = list(FAULTS.items())[number % len(FAULTS)]
    with NamespaceNetwork(TOPOLOGY) as network:
        assert network.pingmesh().all()
        network.apply("r0", [command])
        assert np.array_equal(network.pingmesh(), expected(reaches))


def cycles_per_minute(at_once: int) -> float:
    with ThreadPoolExecutor(at_once) as threads:
        return 60 * CYCLES / seconds(lambda: list(threads.map(cycle, range(CYCLES))))


def memory_mib() -> float:
    """Proportional set size of each of 16 live networks, with their share of the fork server."""
    with ThreadPoolExecutor(AT_ONCE) as threads:
        networks = list(threads.map(lambda _: NamespaceNetwork(TOPOLOGY), range(AT_ONCE)))
    assert fork_server.pid is not None
    total_kib = sum(map(proportional_kib, [fork_server.pid, *below(fork_server.pid)]))
    for network in networks:
        network.close()
    return total_kib / 1024 / AT_ONCE


def below(pid: int) -> list[int]:
    children = [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return children + [grandchild for child in children for grandchild in below(child)]


def wrong_cells() -> int:
    """Wrong cells in all measurements together, with a new network for every 50."""
    wrong = 0
    for number in range(MEASUREMENTS // 50):
        command, reaches = list(FAULTS.items())[number % len(FAULTS)]
        with NamespaceNetwork(TOPOLOGY) as network:
            for _ in range(50):
                wrong += int((~network.pingmesh()).sum())
            network.apply("r0", [command])
            for _ in range(50):
                wrong += int((network.pingmesh() != expected(reaches)).sum())
    return wrong


def main() -> list[Row]:
    stock = subprocess.run(
        [*NAMESPACES, sys.executable, "-m", "benchmarks.stock_mininet"], capture_output=True, text=True, check=True
    )
    theirs = json.loads(stock.stdout.splitlines()[-1])
    first = theirs["start_s"] + theirs["whole_s"]
    cold, prepared = median_of_interpreters(COLD, REPEATS), prepared_s()
    with NamespaceNetwork(TOPOLOGY) as network:
        whole = statistics.median(seconds(network.pingmesh) for _ in range(REPEATS))
        for machine in TOPOLOGY.machines:
            network.apply(machine, ["sysctl -w net.ipv4.icmp_echo_ignore_all=1"])
        assert network.pingmesh().sum() == len(TOPOLOGY.machines)
        broken = statistics.median(seconds(network.pingmesh) for _ in range(REPEATS))
    alone, together = cycles_per_minute(1), cycles_per_minute(AT_ONCE)
    memory = memory_mib()
    wrong, cells = wrong_cells(), 2 * MEASUREMENTS * len(TOPOLOGY.machines) ** 2
    return [
        row("4 x 4 network to first pingmesh, cold", cold, "Mininet, start and pingAll", first, "< 1 s"),
        row("4 x 4 network to first pingmesh, prepared", prepared, "Mininet, start and pingAll", first, "< 0.1 s"),
        row("pingmesh, nothing answers", broken, "pingAll, 1 s time-out", theirs["broken_s"], ">= 50"),
        row("pingmesh, whole", whole, "pingAll", theirs["whole_s"], ""),
        Row("networks a minute, 16 at once", f"{together:.0f}", "one at a time", f"{alone:.0f}", together / alone, ""),
        Row(
            "memory of a network",
            f"{memory:.1f} MiB",
            "Mininet",
            f"{theirs['memory_mib']:.1f} MiB",
            memory / theirs["memory_mib"],
            "",
        ),
        Row("wrong cells of pingmeshes", str(wrong), "cells", str(cells), wrong / cells, "0"),
    ]


def row(what: str, ours_s: float, alternative: str, theirs_s: float, target: str) -> Row:
    """A row of seconds, with the speedup as the ratio."""
    return Row(what, f"{ours_s:.3f} s", alternative, f"{theirs_s:.2f} s", theirs_s / ours_s, target)


if __name__ == "__main__":
    print_table(main())
