"""Simple commands: one program with its arguments, so each step is one look or one change.

With scripts an agent would not need to look: one text could contain every repair, even with conditions.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence

from infraray.errors import InvalidAction

LOOKS = ("show", "list", "lst", "ls", "get", "help")
"""Verbs of ip(8), tc(8) and bridge(8) that change nothing; abbreviations to two letters, "l" and "g" count too."""

_BATCHES = ("exec", "-b", "-ba", "-bat", "-batc", "-batch", "--batch")
_PROGRAMS = ("-M", "--modprobe")
MANY = {
    "bridge": _BATCHES,
    "ip": _BATCHES,
    "ip6tables": _PROGRAMS,
    "iptables": _PROGRAMS,
    "iptables-save": _PROGRAMS,
    "sysctl": ("-p", "-f", "--load", "--system"),
    "tc": _BATCHES,
}
"""Arguments that turn one command into many, or into another one."""


def simple_command(command: str) -> list[str]:
    """The program and the arguments of a simple command.

    Raises:
        InvalidAction: it is a script, or its program is not allowed.
    """
    try:
        words = list(shlex.shlex(command, posix=True, punctuation_chars=True))
        arguments = shlex.split(command)
    except ValueError as error:
        raise InvalidAction(f"the command cannot be read: {error}; close every quotation") from None
    joined = [word for word in words if word and set(word) <= set("();<>|&")]
    if "\n" in command.strip() or joined or "`" in command or "$" in command:
        found = repr(joined[0]) if joined else "a line break, ` or $"
        raise InvalidAction(f"{found} makes a script of it; give one program with its arguments in a step")
    if not arguments or arguments[0] not in WRITES:
        shown = arguments[0][:40] if arguments else ""
        raise InvalidAction(f"{shown!r} is none of the programs here: {', '.join(sorted(WRITES))}")
    for argument in arguments[1:]:
        if argument.partition("=")[0] in MANY.get(arguments[0], ()):
            raise InvalidAction(f"{argument[:40]} runs several commands or another one; give each in a step of its own")
    if arguments[0] == "sysctl" and sum("=" in argument for argument in arguments) > 1:
        raise InvalidAction("sysctl: several settings; give each in a step of its own")
    if arguments[0] == "nft" and "list" not in arguments:
        raise InvalidAction("nft: only lists here; change filters with iptables")
    return arguments


def writes(arguments: Sequence[str]) -> bool:
    """Whether a simple command is meant to change something; mere looks cost less."""
    return WRITES[arguments[0]](arguments[1:])


def _verb_writes(arguments: Sequence[str]) -> bool:
    """Whether the verb changes something, as in ``ip -4 addr show``: options, object, verb; without one it shows."""
    words = [argument for argument in arguments if not argument.startswith("-")]
    if len(words) < 2:
        return False
    verb = words[1]
    return not any(look.startswith(verb) and (len(verb) > 1 or verb in "lg") for look in LOOKS)


def _has_value(arguments: Sequence[str]) -> bool:
    return any("=" in argument or argument in ("-w", "--write") for argument in arguments)


def _looks_at_filters(arguments: Sequence[str]) -> bool:
    looks = ("-L", "-S", "-C", "--list", "--list-rules", "--check", "-h", "--help", "-V", "--version")
    return any(argument.startswith(looks) for argument in arguments)


def _never(arguments: Sequence[str]) -> bool:
    return False


WRITES: dict[str, Callable[[Sequence[str]], bool]] = {
    "arp": lambda arguments: any(argument in ("-s", "-d", "--set", "--delete") for argument in arguments),
    "bridge": _verb_writes,
    "cat": _never,
    "ifconfig": lambda arguments: sum(not argument.startswith("-") for argument in arguments) > 1,
    "ip": _verb_writes,
    "ip6tables": lambda arguments: not _looks_at_filters(arguments),
    "iptables": lambda arguments: not _looks_at_filters(arguments),
    "iptables-save": _never,
    "netstat": _never,
    "nft": _never,
    "ping": _never,
    "route": lambda arguments: any(argument in ("add", "del", "delete", "flush") for argument in arguments),
    "ss": _never,
    "sysctl": _has_value,
    "tc": _verb_writes,
    "true": _never,
}
"""The programs, and whether arguments of theirs change something."""
