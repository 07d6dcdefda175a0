"""Interfaces with everything set by hand, and their settings in /proc/sys/net/ipv*/conf."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

from infraray.emulators.inside.netlink import Attributes, Message, attributes

from .values import number, others, text

FLAGS = {0x1: "up", 0x8: "loopback", 0x80: "noarp", 0x100: "promisc", 0x200: "allmulti", 0x1000: "multicast"}
"""Flags that are set by hand."""

IFLA_EXT_MASK, SKIP_STATS = 29, 8
REQUEST = bytes(16) + struct.pack("=HHI", 8, IFLA_EXT_MASK, SKIP_STATS)
"""Asks for no statistics, which would only have to be left out again."""

ADDRESS, NAME, MTU, MASTER, QUEUE_LENGTH, LINKINFO, AF_SPEC, PROPERTIES = 1, 3, 4, 10, 13, 18, 26, 52
STATE = {5, 6, 7, 14, 16, 23, 33, 35, 37, 44, 47, 48}
"""Attributes that describe its state: the other end, counters, the carrier."""

INFO_KIND, INFO_DATA, INFO_STATISTICS, INFO_PORT_KIND, INFO_PORT_DATA = 1, 2, 3, 4, 5
STATE_OF_A_BRIDGE = {*range(10, 20), 47, 48}
STATE_OF_A_PORT = {1, *range(13, 24)}
"""The spanning tree and its timers."""

AF_INET, AF_INET6 = 2, 10
CONF = {AF_INET: ("ipv4", 1), AF_INET6: ("ipv6", 2)}
"""The attribute with an interface's sysctls, in order."""

STATE_OF_IPV6 = {1, 3, 5, 6}
"""Attributes to leave out: flags such as that routers were solicited, statistics, and a time drawn at random."""


def links(messages: Sequence[Message], names: dict[int, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """All interfaces by name, and their sysctls by path.

    Args:
        messages: the answer to RTM_GETLINK.
        names: filled in with the interfaces' names by number.
    """
    for header, link in messages:
        names[struct.unpack_from("=i", header, 4)[0]] = text(link[NAME])
    found, sysctls = {}, {}
    for header, link in messages:
        name, flags = text(link.pop(NAME)), struct.unpack_from("=I", header, 8)[0]
        per_family = {family & 0xFF: attributes(data) for family, data in attributes(link.pop(AF_SPEC, b"")).items()}
        for family, (folder, conf) in CONF.items():
            values = per_family.get(family, {}).pop(conf, b"")
            sysctls[f"{folder}/conf/{name}"] = " ".join(map(str, struct.unpack(f"={len(values) // 4}i", values)))
        found[name] = {
            **_kind(attributes(link.pop(LINKINFO, b""))),
            "flags": [flag for bit, flag in FLAGS.items() if flags & bit],
            "mtu": number(link.pop(MTU)),
            "address": link.pop(ADDRESS, b"").hex(":"),  # wireguard has none
            "queue_length": number(link.pop(QUEUE_LENGTH, bytes(4))),
            "master": names.get(number(link.pop(MASTER, bytes(4))), ""),
            "other_names": link.pop(PROPERTIES, b"").hex(),
            "ipv6": others(per_family.get(AF_INET6, {}), STATE_OF_IPV6),
            **others(link, STATE),
        }
    return dict(sorted(found.items())), dict(sorted(sysctls.items()))


def _kind(info: Attributes) -> dict[str, Any]:
    kind, port_kind = text(info.get(INFO_KIND, b"")), text(info.get(INFO_PORT_KIND, b""))
    data, port = attributes(info.get(INFO_DATA, b"")), attributes(info.get(INFO_PORT_DATA, b""))
    return {
        "kind": kind,
        "options": others(data, STATE_OF_A_BRIDGE if kind == "bridge" else ()),
        "port": others(port, STATE_OF_A_PORT if port_kind == "bridge" else ()),
    }
