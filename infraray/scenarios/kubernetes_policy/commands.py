"""Simple commands: one kubectl, with a here-document if it reads one, so each step is one look or one change.

With scripts an agent would not need to look: one text could contain every repair, even with conditions.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

from infraray.errors import InvalidAction

LOOKS = (
    "api-resources",
    "api-versions",
    "cluster-info",
    "describe",
    "diff",
    "events",
    "explain",
    "get",
    "logs",
    "options",
    "top",
    "version",
    "wait",
)
"""Commands of kubectl that change nothing; ``auth can-i``, ``auth whoami``, ``config view``, ``rollout status`` and
``rollout history`` neither."""

_LOOKS_OF_GROUPS = {
    "auth": ("can-i", "whoami"),
    "config": ("view", "current-context", "get-contexts", "get-clusters"),
    "rollout": ("status", "history"),
}

_DOCUMENT = re.compile(
    r"(?P<command>[^\n]*?)<<-?\s*(?P<quote>['\"]?)(?P<end>\w+)(?P=quote)[ \t]*\n(?P<text>.*\n)?\s*(?P=end)\s*",
    re.DOTALL,
)


@dataclass(frozen=True)
class Simple:
    """A simple command.

    Args:
        arguments: the program, which is kubectl, and its arguments.
        document: what it reads.
    """

    arguments: tuple[str, ...]
    document: str | None = None

    @property
    def script(self) -> str:
        """The same for a shell."""
        line = shlex.join(self.arguments)
        if self.document is None:
            return line
        end = "END"
        while f"\n{end}\n" in f"\n{self.document}":
            end += "_"
        return f"{line} <<'{end}'\n{self.document}{end}\n"

    @property
    def writes(self) -> bool:
        """Whether it is meant to change something; mere looks cost less."""
        words = [word for word in self.arguments[1:] if not word.startswith("-")]
        for position, word in enumerate(words):
            if word in LOOKS:
                return False
            if word in _LOOKS_OF_GROUPS:
                return not (len(words) > position + 1 and words[position + 1] in _LOOKS_OF_GROUPS[word])
            if word in WRITES:
                return True
        return False


WRITES = (
    "annotate",
    "apply",
    "attach",
    "autoscale",
    "cordon",
    "cp",
    "create",
    "debug",
    "delete",
    "drain",
    "edit",
    "exec",
    "expose",
    "label",
    "patch",
    "port-forward",
    "proxy",
    "replace",
    "run",
    "scale",
    "set",
    "taint",
    "uncordon",
)


def simple_command(command: str) -> Simple:
    """Reads a simple command.

    Raises:
        InvalidAction: it is a script, or its program is not kubectl.
    """
    text = command.strip()
    document = None
    if found := _DOCUMENT.fullmatch(text):
        text, document = found["command"].strip(), found["text"] or "\n"
    try:
        words = list(shlex.shlex(text, posix=True, punctuation_chars=True))
        arguments = shlex.split(text)
    except ValueError as error:
        raise InvalidAction(f"the command cannot be read: {error}; close every quotation") from None
    joined = [word for word in words if word and set(word) <= set("();<>|&")] + ["\n"] * ("\n" in text)
    if joined or _expands(text):
        found_word = repr(joined[0]) if joined else "a $ or ` outside of single quotes"
        raise InvalidAction(
            f"{found_word} makes a script of it; give one kubectl, with a here-document if it reads one"
        )
    if not arguments or arguments[0] != "kubectl":
        shown = arguments[0][:40] if arguments else ""
        raise InvalidAction(f"{shown!r} is not kubectl, the only program here")
    return Simple(tuple(arguments), document)


def _expands(text: str) -> bool:
    """Whether a shell would expand anything: ``$`` and backquotes count except in single quotes."""
    return any(mark in part for part in re.split(r"'[^']*'", text) for mark in "$`")
