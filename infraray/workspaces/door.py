"""What a scenario opens to an agent in a workspace: its files, its tools, and how what it does is scored.

An agent in a workspace plays the same environment as every other agent, so its score is the same one: some of the
workspace's tools are calls of `Environment.step`. A call's arguments become an answer in the scenario's words, and the
observation that follows becomes the tool's output.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, ClassVar

from infraray.agents import Briefing
from infraray.errors import InvalidAction
from infraray.observation import Observation
from infraray.registration import find
from infraray.workspaces.technique import Technique

WORKSPACE = Path("/workspace")


@dataclass(frozen=True)
class Opened:
    """A workspace, as far as a scenario needs it.

    Args:
        folder: the agent's folder, on this machine.
        url: where `Door.server_port` can be reached from this machine; "" once the agent's processes are gone.
        memory_bytes: its limit on memory.
        disk_bytes: its limit on disk.
        processes: the command lines of the agent's processes, at the time of the call.
        variables: environment variables of its programs, beside those of the door.
    """

    folder: Path
    url: str
    memory_bytes: int
    disk_bytes: int
    processes: Callable[[], list[str]]
    variables: Mapping[str, str]


class Door:
    """The door of all scenarios: one answer after the other, through the tool ``act``.

    A scenario with a better one registers a subclass (`infraray.registration.register`).

    Args:
        briefing: what an agent may know of the episode.
        options: those of `settings`, as the agent's spec gives them.
    """

    tools: ClassVar[Mapping[str, str]] = {
        "act": "`act 'ANSWER'` gives your next answer to the task, in the form described above, and prints what follows"
    }
    """The tools that act on the environment: what they do, by name."""
    settings: ClassVar[tuple[str, ...]] = ()
    """Names of options of agents that have a meaning in this scenario alone."""
    techniques: ClassVar[Mapping[str, Technique]] = {}
    """What the behaviour report looks for in what agents say and try, by name."""
    default_time_s: ClassVar[float] = 1800.0
    """The time of an agent whose spec gives none."""
    server_port: ClassVar[int | None] = None
    """The port, in the sandbox's network, that the scenario has to reach; None if there is none."""

    def __init__(self, briefing: Briefing, options: Mapping[str, str]) -> None:
        self.briefing = briefing
        self.options = options

    @classmethod
    def tried(cls, extra: Mapping[str, Any], parameters: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """What a step launched, its settings apart from the defaults; None if it launched nothing, or nobody can tell.

        Args:
            extra: the step's facts.
            parameters: the scenario's.
        """
        return None

    def opened(self, workspace: Opened) -> None:
        """Called when the workspace is there, before the agent starts, and when the agent's processes are gone."""

    def closed(self) -> None:
        """Called at the end of the episode, before the workspace is removed."""

    def variables(self) -> Mapping[str, str]:
        """Environment variables of the agent."""
        return {}

    def time_s(self) -> float | None:
        """Seconds that the scenario leaves an agent; None if it has no clock of its own."""
        return None

    def mission(self, observation: Observation) -> str:
        """The task in words.

        Args:
            observation: the first.
        """
        return (
            f"{observation['task_description']}\n\n{observation['available_actions']}\n\n"
            f"This is the state now:\n\n{observation['text_observation']}"
        )

    def files(self) -> Mapping[str, str]:
        """Files that lie in the workspace at the beginning: contents by name."""
        return {}

    def readable(self) -> Mapping[str, Path]:
        """Folders of this machine that the workspace shows, read-only, by their paths inside."""
        return {}

    def devices(self) -> Sequence[Path]:
        """Device files that it shows."""
        return ()

    def action(self, tool: str, arguments: Sequence[str]) -> str:
        """The answer that a call of a tool stands for.

        Raises:
            InvalidAction: the arguments make none; the text says what the tool takes. Nothing has happened then.
        """
        if len(arguments) != 1:
            raise InvalidAction(f"{len(arguments)} arguments: give one, your answer, in quotes")
        return arguments[0]

    def reply(self, observation: Observation) -> str:
        """What a tool prints after its action.

        Args:
            observation: the one after the action.
        """
        return str(observation["text_observation"])

    def last_action(self) -> str:
        """The answer when the agent's time is over; "" if it has nothing to say, which is an invalid action."""
        return ""


def find_door(scenario: str) -> type[Door]:
    """The door of a scenario, by its id or name."""
    entry = find(scenario).workspace
    door: type[Door] = Door if entry is None else resolve_name(entry) if isinstance(entry, str) else entry
    return door
