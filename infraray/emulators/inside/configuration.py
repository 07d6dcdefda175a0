"""A machine's network configuration in a canonical form: two are equal if and only if nothing was changed.

Read from the kernel, for it would take half a second to start ip(8), tc(8) and sysctl(8) for 20 machines.
Counters, timers, learned neighbours and the state of cables are left out. Numbers and names are those of
rtnetlink(7); what has no name here keeps its number, in hexadecimal.
"""

from __future__ import annotations

import shutil
import socket
import struct
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .mininet_network import Machine
from .netlink import (
    NFT_GETTABLE,
    NTF_PROXY,
    NUD_PERMANENT,
    RTM_GETADDR,
    RTM_GETLINK,
    RTM_GETNEIGH,
    RTM_GETQDISC,
    RTM_GETROUTE,
    RTM_GETRULE,
    Attributes,
    attributes,
)

AF_INET = socket.AF_INET

FLAGS = {0x1: "up", 0x8: "loopback", 0x80: "noarp", 0x100: "promisc", 0x200: "allmulti", 0x1000: "multicast"}
"""Of an interface, as far as they are set by hand."""

IFA_CACHEINFO = 6
FOREVER = 0xFFFFFFFF
"""Seconds for which an address is valid, where there is no end of it."""

SECONDARY = 0x1
"""Flag of an address; the others are about IPv6."""

CLONED, ONLINK = 0x200, 0x4
"""Flags of a route: a cached one, and a next hop that needs no route itself."""

SYSCTLS = ("ip_forward", "icmp_echo_ignore_all", "ip_default_ttl", "ip_nonlocal_bind", "fwmark_reflect")
SYSCTLS_OF_AN_INTERFACE = (
    *("accept_local", "arp_announce", "arp_filter", "arp_ignore", "disable_policy", "disable_xfrm", "forwarding"),
    *("ignore_routes_with_linkdown", "proxy_arp", "proxy_arp_pvlan", "route_localnet", "rp_filter", "src_valid_mark"),
)
"""Those of ip-sysctl that decide whether a packet of IPv4 passes."""

IPTABLES_TABLES = {"filter", "nat", "mangle", "raw", "security"}
FAMILIES = {2: "ip", 10: "ip6"}
SAVE_COMMANDS = {"ip": "iptables-save", "ip6": "ip6tables-save"}


def configuration(machine: Machine) -> dict[str, Any]:
    """The configuration of one machine, as JSON's types.

    Call it inside the machine's network namespace.
    """
    names: dict[int, str] = {}
    links = _links(machine, names)
    return {
        "links": links,
        "addresses": _addresses(machine, names),
        "routes": _routes(machine, names),
        "rules": _rules(machine),
        "neighbours": _neighbours(machine, names),
        "queueing": _queueing(machine, names),
        "filters": _filters(machine),
        "sysctls": _sysctls(links),
    }


def _links(machine: Machine, names: dict[int, str]) -> dict[str, Any]:
    """By name; fills ``names`` in, by the interface's number."""
    links = {}
    for header, link in machine.routing.dump(RTM_GETLINK, bytes(16)):
        index, flags = struct.unpack_from("=iI", header, 4)
        name = names[index] = _text(link[3])
        kind = attributes(link.get(18, b"")).get(1)
        links[name] = {
            "kind": _text(kind) if kind else "",
            "flags": [flag for bit, flag in FLAGS.items() if flags & bit],
            "mtu": _number(link[4]),
            "address": link.get(1, b"").hex(":"),  # wireguard has none
            "queue_length": _number(link[13]),
            "master": _number(link[10]) if 10 in link else 0,
        }
    return dict(sorted(links.items()))


def _addresses(machine: Machine, names: Mapping[int, str]) -> list[dict[str, Any]]:
    found = []
    for header, address in machine.routing.dump(RTM_GETADDR, bytes([AF_INET]) + bytes(7)):
        _, prefix, flags, scope, index = struct.unpack("=BBBBI", header)
        found.append(
            {
                "interface": names.get(index, str(index)),
                "address": f"{_address(address.get(2, bytes(4)))}/{prefix}",
                "peer": _address(address.get(1, bytes(4))),
                "broadcast": _address(address[4]) if 4 in address else "",
                "scope": scope,
                "secondary": bool(flags & SECONDARY),
                "temporary": struct.unpack_from("=II", address[IFA_CACHEINFO])[1] != FOREVER,
            }
        )
    return _in_order(found)


def _routes(machine: Machine, names: Mapping[int, str]) -> list[dict[str, Any]]:
    """Of all tables."""
    found = []
    for header, route in machine.routing.dump(RTM_GETROUTE, bytes([AF_INET]) + bytes(11)):
        _, prefix, source_prefix, tos, table, protocol, scope, kind, flags = struct.unpack("=BBBBBBBBI", header)
        if flags & CLONED:
            continue
        entry: dict[str, Any] = {
            "to": f"{_address(route.pop(1, bytes(4)))}/{prefix}",
            "table": _number(route.pop(15)) if 15 in route else table,
            "interface": names.get(_number(route.pop(4)), "") if 4 in route else "",
            "via": _address(route.pop(5)) if 5 in route else "",
            "source": _address(route.pop(7)) if 7 in route else "",
            "metric": _number(route.pop(6)) if 6 in route else 0,
            "protocol": protocol,
            "scope": scope,
            "kind": kind,
            "on_link": bool(flags & ONLINK),
        }
        route.pop(12, None)  # the state of a cache
        if source_prefix or tos:
            entry["from_prefix"], entry["tos"] = source_prefix, tos
        found.append({**entry, **_others(route)})
    return _in_order(found)


def _rules(machine: Machine) -> list[dict[str, Any]]:
    found = []
    for header, rule in machine.routing.dump(RTM_GETRULE, bytes([AF_INET]) + bytes(11)):
        _, to_prefix, from_prefix, tos, table, _, _, action, flags = struct.unpack("=BBBBBBBBI", header)
        entry = {
            "preference": _number(rule.pop(6)) if 6 in rule else 0,
            "to": f"{_address(rule.pop(1, bytes(4)))}/{to_prefix}",
            "from": f"{_address(rule.pop(2, bytes(4)))}/{from_prefix}",
            "table": _number(rule.pop(15)) if 15 in rule else table,
            "action": action,
            "tos": tos,
            "flags": flags,
        }
        found.append({**entry, **_others(rule)})
    return _in_order(found)


def _neighbours(machine: Machine, names: Mapping[int, str]) -> list[dict[str, Any]]:
    """Those that were entered by hand."""
    found = []
    for request in (bytes([AF_INET]) + bytes(11), bytes([AF_INET]) + bytes(9) + bytes([NTF_PROXY, 0])):
        for header, neighbour in machine.routing.dump(RTM_GETNEIGH, request):
            _, index, state, flags, _ = struct.unpack("=BxxxiHBB", header)
            if state & NUD_PERMANENT or flags & NTF_PROXY:
                found.append(
                    {
                        "interface": names.get(index, str(index)),
                        "address": _address(neighbour[1]),
                        "link_address": neighbour.get(2, b"").hex(":"),
                        "proxy": bool(flags & NTF_PROXY),
                    }
                )
    return _in_order(found)


def _queueing(machine: Machine, names: Mapping[int, str]) -> list[dict[str, Any]]:
    """Queueing disciplines but for the one that does nothing."""
    found = []
    for header, discipline in machine.routing.dump(RTM_GETQDISC, bytes(20)):
        index, _, parent = struct.unpack_from("=iII", header, 4)
        kind = _text(discipline[1])
        if kind != "noqueue":
            options = discipline.get(2, b"").hex()
            found.append(
                {"interface": names.get(index, str(index)), "kind": kind, "parent": parent, "options": options}
            )
    return _in_order(found)


def _filters(machine: Machine) -> dict[str, list[str]]:
    """The lines of iptables-save(8) by family and table, and of nft(8) where there is what iptables does not know.

    A built-in chain that lets everything pass is as good as none.
    """
    tables = set()
    for header, table in machine.netfilter.dump(NFT_GETTABLE, bytes(4)):
        tables.add((FAMILIES.get(header[0], "other"), _text(table[1])))
    legacy = Path("/proc/self/net/ip_tables_names")
    if legacy.exists() and legacy.read_text().strip():
        tables.add(("ip", "filter"))
    of_iptables = {(family, table) for family, table in tables if family in SAVE_COMMANDS and table in IPTABLES_TABLES}
    found: dict[str, list[str]] = {}
    all_known = tables == of_iptables
    for family in sorted({family for family, _ in of_iptables}):
        whole, saved = _output(SAVE_COMMANDS[family])
        all_known = all_known and whole and "incompatible" not in saved
        found |= _saved(family, saved)
    if not all_known and shutil.which("nft"):
        found["nft"] = _lines(_output("nft", "--stateless", "list", "ruleset")[1])
    elif not all_known:
        found["tables"] = sorted(f"{family} {table}" for family, table in tables)
    return found


def _saved(family: str, text: str) -> dict[str, list[str]]:
    """What iptables-save printed, without remarks, counters and what is there by default."""
    found: dict[str, list[str]] = {}
    table = ""
    for line in _lines(text):
        if line.startswith("*"):
            table = f"{family} {line[1:]}"
        elif line.startswith(":") and " ACCEPT " not in line:
            found.setdefault(table, []).append(line.partition(" [")[0])
        elif line.startswith("-"):
            found.setdefault(table, []).append(line)
    return dict(sorted(found.items()))


def _sysctls(links: Mapping[str, Any]) -> dict[str, str]:
    paths = list(SYSCTLS)
    for name in ("all", "default", *links):
        paths += [f"conf/{name}/{sysctl}" for sysctl in SYSCTLS_OF_AN_INTERFACE]
    found = {}
    for path in paths:
        try:
            with open(f"/proc/sys/net/ipv4/{path}", "rb", buffering=0) as file:
                found[path] = file.read(64).decode().strip()
        except FileNotFoundError:
            pass  # older kernels have not all of them
    return found


def _output(*command: str) -> tuple[bool, str]:
    """Whether a command succeeded, which an agent may have made impossible, and all that it printed."""
    result = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="backslashreplace",
        close_fds=False,
    )
    return result.returncode == 0, result.stdout


def _lines(text: str) -> list[str]:
    """The lines of what a command printed; not splitlines(), which also ends them in what a rule's comment may hold."""
    return text.removesuffix("\n").split("\n")


def _others(attributes: Attributes) -> dict[str, str]:
    return {f"attribute_{number}": value.hex() for number, value in sorted(attributes.items())}


def _in_order(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(found, key=lambda entry: list(map(str, entry.values())))


def _text(value: bytes) -> str:
    return value.rstrip(b"\0").decode(errors="backslashreplace")


def _number(value: bytes) -> int:
    return int.from_bytes(value[:4], sys.byteorder)


def _address(value: bytes) -> str:
    return socket.inet_ntoa(value) if len(value) == 4 else value.hex()
