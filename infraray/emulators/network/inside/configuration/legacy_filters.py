"""Filters written by iptables-legacy(8): the kernel's pre-nftables tables, read as that program reads them."""

from __future__ import annotations

import ctypes
import socket
import struct
from dataclasses import dataclass
from pathlib import Path

from .values import text

NAME = struct.Struct("32s")
INFO_BYTES = 84
"""struct ipt_getinfo: name, valid hooks, five entry points, five underflows, number and size of the entries."""


@dataclass(frozen=True)
class Family:
    """The layout of one family of tables: include/uapi/linux/netfilter_*/*_tables.h.

    Args:
        name: the family's name.
        domain: the socket's domain.
        level: the level of its options.
        first: the option that returns a table's size; the next one returns its entries.
        match_bytes: size of an entry's own conditions. They are followed by an ``int`` if ``has_cache``, two offsets,
            the chain from which it was reached, and counters.
        has_cache: see above.
    """

    name: str
    domain: socket.AddressFamily
    level: int
    first: int
    match_bytes: int
    has_cache: bool = True


FAMILIES = {
    "ip_tables_names": Family("ip", socket.AF_INET, 0, 64, 84),
    "ip6_tables_names": Family("ip6", socket.AF_INET6, 41, 64, 136),
    "arp_tables_names": Family("arp", socket.AF_INET, 0, 96, 84, has_cache=False),
}

_libc = ctypes.CDLL(None, use_errno=True)


def legacy_filters() -> dict[str, list[str]]:
    """Entries by family and table of the caller's network namespace, without tables that let everything pass."""
    found = {}
    for file, family in FAMILIES.items():
        path = Path("/proc/self/net", file)
        if path.exists():
            for table in path.read_text().split("\n"):
                if table and (entries := _entries(family, table.encode())):
                    found[f"legacy {family.name} {table}"] = entries
    return found


def _entries(family: Family, table: bytes) -> list[str]:
    """A table's entries in hexadecimal, without counters."""
    with socket.socket(family.domain, socket.SOCK_RAW, socket.IPPROTO_RAW) as asked:
        info = _option(asked, family, family.first, NAME.pack(table).ljust(INFO_BYTES, b"\0"))
        hooks, size = struct.unpack_from("=I", info, 32)[0], struct.unpack_from("=I", info, 80)[0]
        head = NAME.pack(table) + struct.pack("=I4x", size)
        data = _option(asked, family, family.first + 1, head + bytes(size))[len(head) :]
    found, plain, position = [], True, 0
    start = family.match_bytes + (4 if family.has_cache else 0)
    while position + start + 24 <= len(data):
        target, following = struct.unpack_from("=HH", data, position + start)
        match = data[position : position + family.match_bytes]
        counters = (start + 8 + 7) & ~7
        rest = data[position + counters + 16 : position + following]
        name = text(data[position + target + 2 : position + target + 31])
        verdict = struct.unpack_from("=i", data, position + target + 32)[0]
        last = name == "ERROR"
        plain = plain and (last or (not any(match) and name == "" and verdict == -2))
        found.append(f"{match.hex()} {target} {rest.hex()}")
        position += max(following, 1)
    # Created by merely looking: a policy for each hook, and the end.
    return [] if plain and len(found) == hooks.bit_count() + 1 else found


def _option(asked: socket.socket, family: Family, option: int, given: bytes) -> bytes:
    """Calls getsockopt(2) with an input, which Python's own function lacks."""
    buffer, length = ctypes.create_string_buffer(given, len(given)), ctypes.c_uint32(len(given))
    if _libc.getsockopt(asked.fileno(), family.level, option, buffer, ctypes.byref(length)) < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"the tables of iptables-legacy cannot be read: error {code}")
    return buffer.raw[: length.value]
