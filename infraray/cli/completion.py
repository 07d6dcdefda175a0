"""Shell completion: the names that a command takes, offered when the tab key is pressed.

Bash splits words at colons, so that ``scripted:l`` reaches us as three words and our answer replaces
``l`` alone. Agents are named with colons; `complete_in_bash` joins the words again and answers with
what follows the last colon.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterable
from contextlib import redirect_stdout
from typing import get_args

import typer

from infraray.registration import Registration, registrations

INSTRUCTION = "_INFRARAY_COMPLETE"
"""The variable by which a shell's script asks."""


def complete_scenario(incomplete: str) -> list[str]:
    """The registered scenarios' names."""
    return _beginning(incomplete, (found.name for found in registrations()))


def complete_agent(context: typer.Context, incomplete: str) -> list[str]:
    """The known specs for the scenarios given so far, or for all if none is, and the other kinds."""
    from infraray.agents import agent_kinds, find_agent_kind

    specs: list[str] = []
    for name in agent_kinds():
        kind = find_agent_kind(name)
        known = [f"{name}:{target}" for found in _given(context) for target in kind.targets(found.name)]
        specs += known or [f"{name}:"]
    return _beginning(incomplete, specs)


def complete_preset(context: typer.Context, incomplete: str) -> list[str]:
    """The presets of the scenarios given so far, or of all if none is."""
    return _beginning(incomplete, (preset for found in _given(context) for preset in found.environment_class().presets))


def complete_searcher(incomplete: str) -> list[str]:
    """The registered searchers."""
    from infraray.tune.searchers import registered_searchers

    return _beginning(incomplete, registered_searchers())


def complete_sampler(incomplete: str) -> list[str]:
    """The bandit, and the registered searchers."""
    from infraray.curriculum.samplers import BANDIT
    from infraray.tune.searchers import registered_searchers

    return _beginning(incomplete, [BANDIT, *registered_searchers()])


def complete_exporter(incomplete: str) -> list[str]:
    """The registered exporters."""
    from infraray.trajectories.exporters import exporters

    return _beginning(incomplete, exporters)


def complete_workload(incomplete: str) -> list[str]:
    """The presets of workloads."""
    from infraray.load.presets import PRESETS

    return _beginning(incomplete, PRESETS)


def complete_arrivals(incomplete: str) -> list[str]:
    """The ways in which requests arrive at a rate."""
    return _beginning(incomplete, ("poisson", "constant"))


def complete_endpoint(incomplete: str) -> list[str]:
    """The APIs to which a load can be sent."""
    from infraray.load.workloads import Endpoint

    return _beginning(incomplete, get_args(Endpoint))


def _given(context: typer.Context) -> list[Registration]:
    """The scenarios of the arguments so far."""
    given = context.params.get("scenario") or ()
    # Arguments without a flag are not yet separated while an option still lacks its value.
    names = {*([given] if isinstance(given, str) else given), *context.args}
    known = registrations()
    return [found for found in known if names & {found.name, found.id}] or known


def _beginning(incomplete: str, names: Iterable[str]) -> list[str]:
    return [name for name in dict.fromkeys(names) if name.startswith(incomplete)]


def is_asked_by_bash() -> bool:
    """Whether this process must answer bash."""
    return os.environ.get(INSTRUCTION) == "complete_bash"


def complete_in_bash(answer: Callable[[], None]) -> None:
    """Answers bash.

    Args:
        answer: prints completions of the words in the environment, a line each, and may exit.
    """
    words = os.environ.get("COMP_WORDS", "").split()
    position = int(os.environ.get("COMP_CWORD", "0"))
    if position >= len(words):
        words.append("''")  # the cursor stands after a blank: a new word
    joined: list[str] = []
    for number, word in enumerate(words):
        glued = joined and number and (word == ":" or words[number - 1] == ":")
        if glued:
            joined[-1] += "" if word == "''" else word
        else:
            joined.append(word)
        if number == position:
            break
    before, colon, _ = joined[-1].rpartition(":")
    os.environ |= {"COMP_WORDS": " ".join(joined), "COMP_CWORD": str(len(joined) - 1)}
    said = io.StringIO()
    try:
        with redirect_stdout(said):
            answer()
    finally:
        for line in said.getvalue().splitlines():
            print(line.removeprefix(before + colon))
