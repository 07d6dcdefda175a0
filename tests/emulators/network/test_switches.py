"""Nobody but the emulator touches the switches, though the machines' cables end there."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from textwrap import dedent

import pytest

from infraray.emulators.network.namespace_network import NamespaceNetwork
from infraray.emulators.network.topology import Topology
from tests.emulators.live import needs_networks

pytestmark = needs_networks

VISITOR = dedent("""
    import errno, os, socket, struct
    NEWLINK, DELLINK, GETLINK, SETLINK, GETADDR, NEWNSID, GETNSID = 16, 17, 18, 19, 22, 88, 90
    REQUEST, ACK, DUMP, CREATE = 0x1, 0x4, 0x300, 0x600
    route = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
    route.settimeout(5)
    route.setsockopt(270, 12, 1)  # says so where it does not know an attribute (NETLINK_GET_STRICT_CHK)

    def attribute(kind, value):
        value = struct.pack("=i", value) if isinstance(value, int) else value
        text = struct.pack("=HH", 4 + len(value), kind) + value
        return text + bytes(-len(text) % 4)

    def ask(kind, flags, header, *attributes):
        body = header + b"".join(attributes)
        route.send(struct.pack("=IHHII", 16 + len(body), kind, REQUEST | flags, 1, 0) + body)
        found = 0
        while True:
            answer = route.recv(1 << 16)
            while answer:
                length, answered = struct.unpack_from("=IH", answer)
                code, = struct.unpack_from("=i", answer, 16)
                if answered in (2, 3):
                    return (errno.errorcode[-code] if code else "DONE"), found
                found += 1
                answer = answer[length + 3 & ~3:]

    def link(index=0, flags=0, change=0):
        return struct.pack("=BxHiII", 0, 0, index, flags, change)

    bridge = attribute(18, attribute(1, b"bridge"))
""")
"""Speaks rtnetlink(7)."""

NAME, LINK, TARGET = 3, 37, 46  # IFLA_IFNAME, IFLA_LINK_NETNSID, IFLA_TARGET_NETNSID

VISITS = {
    "a bridge there": (
        f"ask(NEWLINK, CREATE | ACK, link(), attribute({TARGET}, there), attribute({NAME}, b'evil'), bridge)"
    ),
    "all links there": f"ask(GETLINK, DUMP, link(), attribute({TARGET}, there))",
    "a link there": f"ask(GETLINK, ACK, link(), attribute({TARGET}, there), attribute({NAME}, b's1'))",
    "addresses there": "ask(GETADDR, DUMP, struct.pack('=BBBBI', 0, 0, 0, 0, 0), attribute(10, there))",
    "a switch down": f"ask(SETLINK, ACK, link(0, 0, 1), attribute({TARGET}, there), attribute({NAME}, b's1'))",
    "a switch gone": f"ask(DELLINK, ACK, link(), attribute({TARGET}, there), attribute({NAME}, b's1'))",
    "a link of its own moved there": f"ask(SETLINK, ACK, link(2), attribute({TARGET}, there))",
    "a link on a link there": (
        f"ask(NEWLINK, CREATE | ACK, link(), attribute({LINK}, there), attribute(5, 1001), attribute({NAME}, b'evil'), "
        "attribute(18, attribute(1, b'macvlan')))"
    ),
}


@pytest.fixture(scope="module")
def network() -> Iterator[NamespaceNetwork]:
    with NamespaceNetwork(Topology(2, 2)) as live:
        yield live


@pytest.mark.parametrize("machine", ["h1", "r0"])
@pytest.mark.parametrize("visit", VISITS)
def test_the_switches_namespace_cannot_be_entered(network: NamespaceNetwork, machine: str, visit: str) -> None:
    program = VISITOR + dedent(f"""
        for there in range(4):
            print({VISITS[visit]})
    """)
    result = network.run(machine, f"python3 -c {shlex.quote(program)}")
    assert result.output.count("\n") == 4, result
    assert "DONE" not in result.output
    assert "EPERM" in result.output or "EACCES" in result.output
    assert network.pingmesh().all()


def test_a_machines_own_network_can_be_named_by_number(network: NamespaceNetwork) -> None:
    """The visitor speaks well: what it may do, it can do."""
    program = VISITOR + dedent(f"""
        print(ask(NEWNSID, ACK, struct.pack("=B3x", 0), *(attribute(1, 7), attribute(2, os.getpid()))))
        there = 7
        print({VISITS["a bridge there"]})
        print({VISITS["all links there"]})
    """)
    assert network.run("h2", f"python3 -c {shlex.quote(program)}").output.count("DONE") == 3
