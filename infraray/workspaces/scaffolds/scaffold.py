"""A scaffold: the program around a model that works in a workspace, how it is started and resumed, and what it says."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from infraray.registry import Registry
from infraray.workspaces.scaffolds.events import Ended, Event, Failure, Trouble


@dataclass(frozen=True)
class Workplace:
    """The places of one run as its agent sees them, all inside the sandbox.

    Args:
        workspace: the folder in which it works, and the current one of every start.
        home: its HOME, empty at the beginning of the run and kept between its starts.
        base_url: where its model answers, without ``/v1``: a proxy of ours that speaks Chat Completions, Responses and
            Messages and accepts any key.
        model: the model's name.
        context_tokens: the length of its context, from which a scaffold sets when it forgets and how long an answer may
            be; None if it is not known.
    """

    workspace: Path
    home: Path
    base_url: str
    model: str
    context_tokens: int | None = None


def longest_answer(context_tokens: int) -> int:
    """The tokens of a context that an answer may take: a quarter, and 32,000 at most, as the scaffolds have it."""
    return min(32_000, context_tokens // 4)


@dataclass(frozen=True)
class Launch:
    """One start of a scaffold, which finds what it is told (the mission, or how to go on) on its standard input.

    Args:
        argv: program and arguments; a program without a slash is looked up in `Scaffold.folders` and the system.
        env: variables beside PATH, HOME, LANG and TERM.
        files: contents of files to write before it starts, by path.
    """

    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[Path, str] = field(default_factory=dict)


class Reader(ABC):
    """Reads the standard output of one start. Tolerant: a line that it does not know is no event."""

    @abstractmethod
    def read(self, line: str) -> list[Event]:
        """The events of one line, without its end."""


class Scaffold(ABC):
    """A kind of scaffold. Its name is what ``cli:NAME`` means."""

    name: ClassVar[str]
    silence_s: ClassVar[float] = 600.0
    """Seconds without a line, and without a request to the model in progress, after which it counts as hung."""
    calls_tools: ClassVar[bool] = True
    """Whether its turns offer the model tools; a request that offers none is then a side call, such as for a title."""

    def problem(self) -> str | None:
        """Why it cannot be started here, in one line with the fix; None if it can."""
        return None

    def folders(self) -> tuple[Path, ...]:
        """Folders of this machine that the sandbox shows, read-only and at the same place: its program and interpreter.

        Those with a subfolder ``bin`` lead PATH.
        """
        return ()

    @abstractmethod
    def start(self, at: Workplace) -> Launch:
        """The first start."""

    @abstractmethod
    def resume(self, at: Workplace, session: str | None) -> Launch:
        """A further start that continues the conversation.

        Args:
            at: as for `start`.
            session: its name, if the scaffold told one.
        """

    @abstractmethod
    def reader(self) -> Reader:
        """A reader for one start."""

    def version(self) -> str | None:
        """The version of its program, or None if it cannot be told without a start."""
        return None

    def failure(self, exit_code: int | None, events: Sequence[Event], lines: int, errors: str) -> Failure | None:
        """Why a start failed; None if it ended well.

        Args:
            exit_code: as in a shell; None if it was ended by us, for its silence.
            events: all events of the start.
            lines: the number of lines that it printed.
            errors: the end of what it wrote to standard error.
        """
        if exit_code is None:
            return Failure.SILENT
        told = next((event.failure for event in reversed(events) if isinstance(event, Ended)), None)
        if told is not None:
            return told
        if exit_code in (126, 127):
            return Failure.NOT_STARTED
        if exit_code != 0:
            troubles = [event.failure for event in events if isinstance(event, Ended | Trouble) and event.failure]
            return troubles[-1] if troubles else Failure.CRASHED
        return Failure.UNREADABLE if lines and not events else None


scaffolds: Registry[type[Scaffold]] = Registry("scaffold")


def register_scaffold(name: str, kind: type[Scaffold] | str) -> None:
    """Makes ``cli:name`` mean a `Scaffold` subclass, or ``module:Class``, which is imported on first use.

    Raises:
        InfrarayError: the name is taken by other code (`infraray.ownership`).
    """
    scaffolds.register(name, kind)


def find_scaffold(name: str) -> Scaffold:
    """The scaffold with a name.

    Raises:
        UnknownName: there is none; the text lists the nearest names.
    """
    return scaffolds[name]()
