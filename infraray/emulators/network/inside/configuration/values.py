"""Formats the kernel's values: numbers, texts, addresses, and attributes without a name here."""

from __future__ import annotations

import socket
import sys
from collections.abc import Container
from typing import Any

from infraray.emulators.inside.netlink import Attributes


def text(value: bytes) -> str:
    """A string from the kernel, which need not be UTF-8."""
    return value.rstrip(b"\0").decode(errors="backslashreplace")


def number(value: bytes) -> int:
    """An integer of up to four bytes."""
    return int.from_bytes(value[:4], sys.byteorder)


def address(value: bytes) -> str:
    """An IPv4 or IPv6 address; anything else in hexadecimal."""
    if len(value) in (4, 16):
        return socket.inet_ntop(socket.AF_INET if len(value) == 4 else socket.AF_INET6, value)
    return value.hex()


def others(attributes: Attributes, without: Container[int] = ()) -> dict[str, str]:
    """Attributes by their numbers."""
    return {f"attribute_{kind}": value.hex() for kind, value in sorted(attributes.items()) if kind not in without}


def in_order(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Entries in an order that does not depend on when they were created."""
    return sorted(found, key=lambda entry: list(map(str, entry.values())))
