"""Reads a machine's whole configuration from the kernel.

It asks the kernel directly because starting ip(8), tc(8), sysctl(8) and iptables-save(8) for 20 machines would take
half a second. Everything that rtnetlink(7) can dump is requested each time, since other namespaces may change it, but
only parsed again if the answer differs. The rest can only be changed by a command in the machine's own namespace, and
is read after each one. Counters, timers, learned neighbours and the state of cables are left out. Numbers and names
are those of rtnetlink(7); what has no name here keeps its number, in hexadecimal.
"""

from __future__ import annotations

import errno
import struct
from typing import Any

from infraray.emulators.inside.namespaces import NetworkNamespace
from infraray.emulators.inside.netlink import (
    NTF_PROXY,
    RTM_GETADDR,
    RTM_GETADDRLABEL,
    RTM_GETLINK,
    RTM_GETMDB,
    RTM_GETNEIGH,
    RTM_GETNEXTHOP,
    RTM_GETQDISC,
    RTM_GETROUTE,
    RTM_GETRULE,
    Message,
)

from ..mininet_network import Machine
from .addresses import addresses, labels
from .filters import filters
from .forwarding import forwarding, vlans
from .legacy_filters import legacy_filters
from .links import REQUEST, links
from .neighbours import neighbours
from .queueing import classes_and_filters, disciplines
from .routes import nexthops, routes, rules
from .sysctls import Sysctls
from .transforms import transforms

AF_BRIDGE, AF_INET6 = 7, 10
IFLA_EXT_MASK, WITH_VLANS = 29, 2

DUMPS = {
    "links": (RTM_GETLINK, REQUEST, 16),
    "addresses": (RTM_GETADDR, bytes(8), 8),
    "labels": (RTM_GETADDRLABEL, bytes([AF_INET6]) + bytes(11), 12),
    "routes": (RTM_GETROUTE, bytes(12), 12),
    "nexthops": (RTM_GETNEXTHOP, bytes(8), 8),
    "rules": (RTM_GETRULE, bytes(12), 12),
    "neighbours": (RTM_GETNEIGH, bytes(12), 12),
    "proxies": (RTM_GETNEIGH, bytes(10) + bytes([NTF_PROXY, 0]), 12),
    "queueing": (RTM_GETQDISC, bytes(20), 20),
    "forwarding": (RTM_GETNEIGH, bytes([AF_BRIDGE]) + bytes(11), 12),
    "groups": (RTM_GETMDB, bytes([AF_BRIDGE]) + bytes(7), 8),
    "vlans": (RTM_GETLINK, bytes([AF_BRIDGE]) + bytes(15) + struct.pack("=HHI", 8, IFLA_EXT_MASK, WITH_VLANS), 16),
}
"""Requests and header lengths of objects; for all families unless one is named."""


class ConfigurationReader:
    """Reads one machine's configuration repeatedly.

    Args:
        machine: the machine.
        home: the calling process's namespace.
        sysctls: the network's sysctls.
    """

    def __init__(self, machine: Machine, home: NetworkNamespace, sysctls: Sysctls) -> None:
        self.machine = machine
        self.home = home
        self.sysctls = sysctls
        self._stale = True
        self._touched = False
        self._answers: list[bytes] = []
        self._routing: dict[str, Any] = {}
        self._of_links: dict[str, str] = {}
        self._own: dict[str, Any] = {}

    def touch(self) -> None:
        """Notes that a command runs in the machine's namespace; call it before each one."""
        if not self._touched:
            with self.machine.namespace.entered(self.home):
                self.sysctls.note_fresh(self.machine.name, self.machine.forwards)
        self._stale = self._touched = True

    def read(self) -> dict[str, Any]:
        """The configuration in JSON's types."""
        answers = [self._answer(kind, request) for kind, request, _ in DUMPS.values()]
        if answers != self._answers:
            self._routing = self._understood(answers)
            self._answers = answers
        if self._stale or self._may_end():
            with self.machine.namespace.entered(self.home):
                self._own = self._read_own()
            self._stale = False
        return {**self._routing, **self._own, "sysctls": {**self._of_links, **self._own["sysctls"]}}

    def _answer(self, kind: int, request: bytes) -> bytes:
        """The kernel's answer; empty if it does not know the request."""
        try:
            return self.machine.routing.read(kind, request)
        except OSError as error:
            if error.errno != errno.EOPNOTSUPP:
                raise
            return b""

    def _understood(self, answers: list[bytes]) -> dict[str, Any]:
        """The kernel's answers, parsed."""
        found: dict[str, list[Message]] = {
            section: self.machine.routing.parse(answer, length)
            for (section, (_, _, length)), answer in zip(DUMPS.items(), answers, strict=True)
        }
        names: dict[int, str] = {}
        of_links, self._of_links = links(found["links"], names)
        without_arp = {name for name, link in of_links.items() if {"noarp", "loopback"} & {*link["flags"]}}
        return {
            "links": of_links,
            "addresses": addresses(found["addresses"], names),
            "labels": labels(found["labels"], names),
            "routes": routes(found["routes"], names),
            "nexthops": nexthops(found["nexthops"], names),
            "rules": rules(found["rules"]),
            "neighbours": neighbours(found["neighbours"] + found["proxies"], names, without_arp),
            "forwarding": neighbours(found["forwarding"], names) + forwarding(found["groups"], names),
            "vlans": vlans(found["vlans"], names),
            "queueing": disciplines(found["queueing"], names),
        }

    def _read_own(self) -> dict[str, Any]:
        """Settings that only a process in the caller's namespace can change."""
        return {
            "filters": {**filters(self.machine.netfilter), **legacy_filters()},
            "transforms": transforms(self.machine.xfrm),
            "classes": classes_and_filters(self._routing["queueing"]),
            "sysctls": self.sysctls.changed(self.machine.name, self.machine.forwards) if self._touched else {},
        }

    def _may_end(self) -> bool:
        """Whether anything may have a limited lifetime: elements of a set, states and policies of IPsec."""
        of_sets = any(line.startswith("set ") for lines in self._own["filters"].values() for line in lines)
        return of_sets or len(self._own["transforms"]) > 1
