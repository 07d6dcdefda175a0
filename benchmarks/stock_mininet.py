"""Stock Mininet, in namespaces made by the caller: builds NetArena's network of 4 subnets x 4 hosts.

``unshare ... python -m benchmarks.stock_mininet`` prints JSON: seconds to build and start, and for pingAll with
a time-out of 1 s, whole and broken; and its memory. Its LinuxBridge calls brctl(8), which new systems lack;
here ip(8) does the same, through the same shell.
"""

import json
import time
from pathlib import Path

from benchmarks.memory import proportional_kib
from infraray.emulators.network.inside import mininet_package

mininet = mininet_package.load()


class LinuxRouter(mininet.node.Node):
    """A node that forwards."""

    def config(self, **params: object) -> None:  # noqa: D102
        super().config(**params)
        self.cmd("sysctl net.ipv4.ip_forward=1")


class Bridge(mininet.nodelib.LinuxBridge):
    """A switch without brctl(8)."""

    @classmethod
    def setup(cls) -> None:  # noqa: D102
        pass

    def start(self, controllers: object) -> None:  # noqa: D102
        self.cmd("ip link add", self, "type bridge")
        for interface in self.intfList():
            if self.name in interface.name:
                self.cmd("ip link set", interface, "master", self)
        self.cmd("ip link set", self, "up")


class Plan(mininet.topo.Topo):
    """NetArena's topology."""

    def build(self) -> None:  # noqa: D102
        router = self.addNode("r0", cls=LinuxRouter, ip="192.168.1.1/24")
        for subnet in range(1, 5):
            switch = self.addSwitch(f"s{subnet}")
            gateway = f"192.168.{subnet}.1"
            self.addLink(switch, router, intfName2=f"r0-eth{subnet}", params2={"ip": f"{gateway}/24"})
            for host in range(4):
                name, address = f"h{4 * subnet + host - 3}", f"192.168.{subnet}.{101 + host}/24"
                self.addLink(self.addHost(name, ip=address, defaultRoute=f"via {gateway}"), switch)


def main() -> None:
    began = time.perf_counter()
    network = mininet.net.Mininet(topo=Plan(), switch=Bridge, controller=None)
    network.start()
    started = time.perf_counter()
    lost = network.pingAll(timeout="1")
    whole = time.perf_counter()
    assert lost == 0, f"{lost} % of a whole network's pings are lost"
    for machine in network.hosts:
        machine.cmd("sysctl -w net.ipv4.icmp_echo_ignore_all=1")
    broken = time.perf_counter()
    lost = network.pingAll(timeout="1")
    assert lost == 100, f"only {lost} % of a broken network's pings are lost"
    ended = time.perf_counter()
    # All processes in the pid namespace are the network's.
    memory_kib = sum(proportional_kib(int(path.name)) for path in Path("/proc").iterdir() if path.name.isdigit())
    times = {"start_s": started - began, "whole_s": whole - started, "broken_s": ended - broken}
    print(json.dumps({**times, "memory_mib": memory_kib / 1024}))


if __name__ == "__main__":
    main()
