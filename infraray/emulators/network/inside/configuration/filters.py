"""Netfilter rules: nftables in all families, which iptables(8) writes too, without counters and handles."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from infraray.emulators.inside.netlink import Attributes, Message, Netlink, attribute_list, attributes

from .values import text

NFT_GETTABLE, NFT_GETCHAIN, NFT_GETRULE, NFT_GETSET, NFT_GETSETELEM, NFT_GETOBJ, NFT_GETFLOWTABLE = (
    10 << 8 | kind for kind in (1, 4, 7, 10, 13, 19, 23)
)
FAMILIES = {1: "inet", 2: "ip", 3: "arp", 5: "netdev", 7: "bridge", 10: "ip6"}

IPTABLES_TABLES = {"filter", "nat", "mangle", "raw", "security", "broute"}
IPTABLES_CHAINS = {"PREROUTING": 0, "INPUT": 1, "FORWARD": 2, "OUTPUT": 3, "POSTROUTING": 4, "BROUTING": 0}
"""Hooks to which chains attach."""

ACCEPT = 1
CONTENT_OF_A_COUNTER, USED_OF_A_QUOTA = {1, 2}, {4}
COUNTER, QUOTA = 1, 2
"""Types of named objects."""

DYNAMIC, ANONYMOUS = 0x20, 0x1
"""Flags of a set: filled by packets; belonging to a rule."""


@dataclass(frozen=True)
class Kind:
    """Attributes of one kind of object: those with its table and its name, and those to leave out."""

    request: int
    table: int
    name: int
    left_out: frozenset[int]


CHAINS = Kind(NFT_GETCHAIN, 1, 3, frozenset({1, 2, 3, 4, 5, 6, 8, 9, 11}))
RULES = Kind(NFT_GETRULE, 1, 2, frozenset({1, 2, 3, 4, 6, 8, 9, 10, 11}))
SETS = Kind(NFT_GETSET, 1, 2, frozenset({1, 2, 10, 14, 16, 20}))
OBJECTS = Kind(NFT_GETOBJ, 1, 2, frozenset({1, 2, 4, 5, 6, 7}))
FLOWTABLES = Kind(NFT_GETFLOWTABLE, 1, 2, frozenset({1, 2, 4, 5, 6}))

SET_FLAGS, ELEMENTS, ELEMENT_LEFT_OUT = 3, 3, {5, 7, 8, 11}
"""Attributes of an element to leave out: its remaining time and its counters."""


def filters(netfilter: Netlink) -> dict[str, list[str]]:
    """Lines by family and table, in the order in which they apply; bodies are in hexadecimal.

    A built-in iptables chain that lets everything pass counts as absent, because merely looking creates it.
    """
    found: dict[str, list[str]] = {}
    for header, one in netfilter.dump(NFT_GETTABLE, bytes(4)):
        lines = found.setdefault(_table(header, one[1]), [])
        if text(one[1]) not in IPTABLES_TABLES or any(one.get(2, b"")) or 6 in one:
            lines.append(f"table {one.get(2, b'').hex()} {one.get(6, b'').hex()}")
    if not found:
        return {}
    rules = _of_kind(netfilter, RULES)
    in_use = {(table, name) for table, name, _, _ in rules}
    for table, name, _, chain in _of_kind(netfilter, CHAINS):
        hook = attributes(chain.get(4, b""))
        if not hook or (table, name) in in_use or not _is_default(table, name, hook, chain):
            told = f"{chain.get(5, b'').hex()} {_hexadecimal(hook, set())} {_hexadecimal(chain, CHAINS.left_out)}"
            found[table].append(f"chain {name} {told}")
    for table, name, _, rule in rules:
        found[table].append(f"{name} {_expressions(rule.get(4, b''))} {_hexadecimal(rule, RULES.left_out)}")
    for table, name, header, one in _of_kind(netfilter, SETS):
        found[table].append(f"set {name} {_hexadecimal(one, SETS.left_out)}")
        flags = struct.unpack(">I", one.get(SET_FLAGS, bytes(4)))[0]
        if not flags & DYNAMIC:
            found[table] += sorted(_elements(netfilter, header, one))
    for table, name, _, one in _of_kind(netfilter, OBJECTS):
        kind = struct.unpack(">I", one.get(3, bytes(4)))[0]
        left_out = {COUNTER: CONTENT_OF_A_COUNTER, QUOTA: USED_OF_A_QUOTA}.get(kind, set())
        content = _hexadecimal(attributes(one.get(4, b"")), left_out)
        found[table].append(f"object {name} {content} {_hexadecimal(one, OBJECTS.left_out)}")
    for table, name, _, one in _of_kind(netfilter, FLOWTABLES):
        found[table].append(f"flowtable {name} {_hexadecimal(one, FLOWTABLES.left_out)}")
    return {table: lines for table, lines in sorted(found.items()) if lines}


def _of_kind(netfilter: Netlink, kind: Kind) -> list[tuple[str, str, bytes, Attributes]]:
    """(table, name, header, attributes) of all objects of a kind, in the kernel's order."""
    found: list[Message] = netfilter.dump(kind.request, bytes(4))
    return [(_table(header, one[kind.table]), text(one[kind.name]), header, one) for header, one in found]


def _table(header: bytes, name: bytes) -> str:
    return f"{FAMILIES.get(header[0], header[0])} {text(name)}"


def _is_default(table: str, name: str, hook: Attributes, chain: Attributes) -> bool:
    """Whether it is a chain that iptables creates by merely looking."""
    policy = struct.unpack(">I", chain.get(5, bytes(4)))[0]
    number = struct.unpack(">I", hook.get(1, bytes(4)))[0]
    of_iptables = table.partition(" ")[2] in IPTABLES_TABLES and IPTABLES_CHAINS.get(name) == number
    return of_iptables and policy == ACCEPT and set(hook) <= {1, 2}


def _expressions(data: bytes) -> str:
    """A rule's expressions."""
    found = []
    for _, element in attribute_list(data):
        expression = attributes(element)
        name, content = text(expression.get(1, b"")), attributes(expression.get(2, b""))
        if name in ("counter", "last"):
            content = {}
        found.append(f"{name}:{_hexadecimal(content, USED_OF_A_QUOTA if name == 'quota' else set())}")
    return " ".join(found)


def _elements(netfilter: Netlink, header: bytes, one: Attributes) -> Iterator[str]:
    """The elements of a set that is not filled by packets."""
    request = header
    for kind, value in ((1, one[SETS.table]), (2, one[SETS.name])):
        request += struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)
    for _, message in netfilter.dump(NFT_GETSETELEM, request, header_length=4):
        for _, element in attribute_list(message.get(ELEMENTS, b"")):
            yield f"element {text(one[SETS.name])} {_hexadecimal(attributes(element), ELEMENT_LEFT_OUT)}"


def _hexadecimal(found: Attributes, left_out: set[int] | frozenset[int]) -> str:
    return ",".join(f"{kind}={value.hex()}" for kind, value in sorted(found.items()) if kind not in left_out)
