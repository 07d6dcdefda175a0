"""A network built by Mininet: a topology of LinuxRouters, hosts and LinuxBridges.

Mininet runs a shell for each node and several commands for each interface, which takes a second for 20 nodes. Here its
objects only form the plan, each node is a network namespace without a process, and one batch of ``ip`` per namespace
carries out the plan.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from infraray.emulators.inside.namespaces import NetworkNamespace
from infraray.emulators.inside.netlink import NETFILTER, ROUTE, XFRM, Netlink

from . import mininet_package

mininet = mininet_package.load()
Intf: Any = mininet.link.Intf
Link: Any = mininet.link.Link
Node: Any = mininet.node.Node
LinuxBridge: Any = mininet.nodelib.LinuxBridge
Topo: Any = mininet.topo.Topo
Mininet: Any = mininet.net.Mininet

Mininet.inited = True  # otherwise it would set the computer's limits, which are not ours to change

SYSCTLS = {
    # Only IPv4 is measured; IPv6's background traffic would only cost time.
    "ipv6/conf/{}/disable_ipv6": 1,
    # What was learned during a fault must not outlive it; a redirect would for five minutes.
    "ipv4/conf/{}/accept_redirects": 0,
    "ipv4/conf/{}/send_redirects": 0,
    # Otherwise these would be inherited from the host and differ between hosts.
    "ipv4/conf/{}/rp_filter": 0,
    "ipv4/conf/{}/arp_announce": 0,
    "ipv4/conf/{}/arp_filter": 0,
    "ipv4/conf/{}/arp_ignore": 0,
}
"""Settings below /proc/sys/net in each machine, for ``all`` interfaces and as the ``default``."""


class Port(Intf):  # type: ignore[misc]
    """An interface."""

    def isUp(self, setUp: bool = False) -> bool:  # noqa: D102
        return True


class Cable(Link):  # type: ignore[misc]
    """A veth pair, made when the network starts."""

    @classmethod
    def makeIntfPair(cls, *args: Any, **options: Any) -> None:  # noqa: D102
        pass

    def command(self, number: int) -> str:
        """The line for ``ip -batch`` that creates it.

        Both ends have different numbers: if they happen to be equal, the kernel takes up to a second to notice that
        the cable is plugged in (``linkwatch_urgent_event`` in net/core/link_watch.c).
        """
        ends = [
            f"{port.name} address {port.mac}" + (f" netns {port.node.namespace.path}" if port.node.inNamespace else "")
            for port in (self.intf1, self.intf2)
        ]
        return f"link add index {1000 + number} name {ends[1]} type veth peer name {ends[0]}"


class Machine(Node):  # type: ignore[misc]
    """A host: an existing network namespace, and sockets into it."""

    forwards = False

    @classmethod
    def setup(cls) -> None:
        """Does nothing: `infraray.emulators.network.problem` knows what is missing."""

    def startShell(self, mnopts: str | None = None) -> None:  # noqa: D102
        self.namespace: NetworkNamespace = self.params["namespace"]
        self.namespace.enter()
        values = {name.format(which): value for name, value in SYSCTLS.items() for which in ("all", "default")}
        # Otherwise the kernel delays its proxy answers by up to 0.8 s at random.
        values |= {"ipv4/ip_forward": int(self.forwards), "ipv4/neigh/default/proxy_delay": 0}
        for name, value in values.items():
            with suppress(FileNotFoundError):  # a kernel may be without IPv6
                Path("/proc/sys/net", name).write_text(str(value))
        self.routing = Netlink(ROUTE)
        self.netfilter = Netlink(NETFILTER)
        self.xfrm = None
        with suppress(OSError):  # a kernel may be without IPsec
            self.xfrm = Netlink(XFRM)

    def config(self, ip: str | None = None, **params: Any) -> None:
        """Does nothing: see `EmulatedNetwork.configure`."""


class LinuxRouter(Machine):
    """A machine that forwards."""

    forwards = True


class Bridge(LinuxBridge):  # type: ignore[misc]
    """A switch: a bridge in the namespace above the machines'."""

    @classmethod
    def setup(cls) -> None:
        """Does nothing: it is made with ip(8), not with brctl(8)."""

    def startShell(self, mnopts: str | None = None) -> None:  # noqa: D102
        pass

    def cmd(self, *args: Any, **options: Any) -> str:
        """Does nothing: Mininet would configure the interface to a controller."""
        return ""

    def start(self, _controllers: object) -> None:
        """Does nothing: `EmulatedNetwork.start` makes all switches at once."""

    def commands(self) -> list[str]:
        """The lines for ``ip -batch`` that create it and plug in its cables."""
        lines = [f"link add {self.name} type bridge mcast_snooping 0", f"link set {self.name} up"]
        return lines + [f"link set {name} master {self.name} up" for name in self.intfNames() if name != "lo"]


class PlannedTopology(Topo):  # type: ignore[misc]
    """Mininet's topology of a network; see `infraray.emulators.network.namespace_network` for the plan's fields."""

    def build(self, plan: dict[str, Any], namespaces: Mapping[str, NetworkNamespace]) -> None:  # noqa: D102
        for name in plan["machines"]:
            cls = LinuxRouter if name in plan["routers"] else Machine
            self.addHost(name, cls=cls, ip=None, namespace=namespaces[name])
        for name in plan["switches"]:
            self.addSwitch(name)
        for number, ends in enumerate(plan["cables"], start=1):
            (node1, name1), (node2, name2) = ends
            self.addLink(
                node1,
                node2,
                intfName1=name1,
                intfName2=name2,
                # Equal topologies are equal down to the last bit.
                addr1=f"02:00:00:00:{number >> 8:02x}:{number & 255:02x}",
                addr2=f"02:00:00:01:{number >> 8:02x}:{number & 255:02x}",
            )


class EmulatedNetwork(Mininet):  # type: ignore[misc]
    """A started Mininet network: machines, switches and cables, without addresses.

    Args:
        plan: what to build.
        home: the calling process's namespace, where the switches go.
        namespaces: the namespace of each machine.

    Raises:
        OSError: the kernel or ip(8) refuses; the text says what.
    """

    def __init__(
        self, plan: dict[str, Any], home: NetworkNamespace, namespaces: Mapping[str, NetworkNamespace]
    ) -> None:
        self.home = home
        options = {"host": Machine, "switch": Bridge, "link": Cable, "intf": Port, "controller": None}
        super().__init__(topo=PlannedTopology(plan=plan, namespaces=namespaces), build=False, **options)
        self.build()
        home.enter()
        self.start()

    @property
    def machines(self) -> dict[str, Machine]:
        """Hosts and routers by name."""
        return {machine.name: machine for machine in self.hosts}

    def start(self) -> None:
        """Makes switches and cables."""
        super().start()
        for hook in Path("/proc/sys/net/bridge").glob("bridge-nf-call-*"):
            hook.write_text("0")  # the switches have no filters and need not look for them for every packet
        lines = ["link set lo up", *(link.command(number) for number, link in enumerate(self.links))]
        for switch in self.switches:
            lines += switch.commands()
        _finish(_begin(lines), "the switches")

    def configure(self, settings: Mapping[str, Mapping[str, Any]]) -> None:
        """Numbers and names all machines; see `NamespaceNetwork` for the settings' fields."""
        batches = []
        for machine in self.hosts:
            with machine.namespace.entered(self.home):
                batches.append((machine, _begin(_configuring(**settings[machine.name]))))
        for machine, batch in batches:
            _finish(batch, machine.name)


def _configuring(interfaces: Sequence[tuple[str, str, str, int]], routes: Sequence[tuple[str, str]]) -> list[str]:
    """The lines for ``ip -batch`` that configure a machine."""
    lines = ["link set lo up"]
    for built, name, address, mtu in interfaces:
        lines += [f"link set {built} name {name} mtu {mtu}", f"address add {address} brd + dev {name}"]
        lines.append(f"link set {name} up")
    return lines + [f"route add {to} via {via}" for to, via in routes]


def _begin(lines: Sequence[str]) -> subprocess.Popen[str]:
    """Starts ip(8) on a batch in the caller's namespace."""
    # Python uses vfork, without which a process with a large memory starts others slowly, only without close_fds.
    batch = subprocess.Popen(
        ["ip", "-batch", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        close_fds=False,
    )
    assert batch.stdin is not None
    batch.stdin.write("\n".join(lines) + "\n")
    batch.stdin.flush()
    return batch


def _finish(batch: subprocess.Popen[str], what: str) -> None:
    _, errors = batch.communicate()
    if batch.returncode != 0:
        raise OSError(f"ip(8) cannot set up {what}: {' '.join(errors.split())[:500]}")
