"""What a scaffold tells on its standard output, in terms that are the same for all of them.

These events add shell output and timing to a run's record. That record is made of the exchanges with the model, which
the proxy sees: the scaffolds' own streams change with every version, and have been seen to stop while work went on.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Failure(StrEnum):
    """Why a start of a scaffold did not end as it should."""

    CRASHED = "crashed"
    """It ended with an exit code or a signal that it gives for no good end."""
    SILENT = "silent"
    """It printed nothing and asked its model nothing for too long."""
    ASKED = "asked"
    """It waits for an answer that nobody gives: a permission, a question."""
    NEEDS_LOGIN = "needs_login"
    """It has no account, or refuses its key. No repetition helps."""
    MODEL_UNREACHABLE = "model_unreachable"
    """It did not get through to its model, or the model's server failed."""
    MODEL_REFUSED = "model_refused"
    """The model's server refused the request, for instance because it is longer than the context."""
    UNREADABLE = "unreadable"
    """It ended well, but nothing of what it printed is what it should print."""
    NOT_STARTED = "not_started"
    """It could not be started. No repetition helps."""


@dataclass(frozen=True)
class Started:
    """The conversation has a name, by which it can be resumed."""

    session: str


@dataclass(frozen=True)
class Said:
    """The agent said something."""

    text: str


@dataclass(frozen=True)
class ShellCommand:
    """The agent has run a command.

    Args:
        command: the command.
        output: what it printed, as the scaffold tells it.
        exit_code: None where the scaffold does not tell.
    """

    command: str
    output: str
    exit_code: int | None = None


@dataclass(frozen=True)
class Ended:
    """The scaffold says that it is done, which no one field of any of them proves.

    Args:
        failure: what it says went wrong; None if nothing did.
        text: its words.
    """

    failure: Failure | None = None
    text: str = ""


@dataclass(frozen=True)
class Trouble:
    """Something went wrong that need not be the end, such as a lost connection."""

    failure: Failure
    text: str


Event = Started | Said | ShellCommand | Ended | Trouble
