"""A run, as requested by a YAML file or the command line's flags."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from infraray.engines import EngineSpec
from infraray.environment import INVALID_PENALTY, InvalidActionPolicy
from infraray.episodes import RunLimits
from infraray.runs.seeds import Seeds
from infraray.seeds import SeedRange
from infraray.strict import StrictModel
from infraray.written_file import RUN, WrittenFile
from infraray.yaml_file import Place


class ScenarioSection(StrictModel):
    """One scenario with its parameters, and agents that play it in addition to the run's."""

    scenario: str
    label: str | None = None
    preset: str | None = None
    parameters: dict[str, Any] = {}
    level: int = 1
    agents: list[str] = []
    seeds: Seeds | None = None
    text: bool = True
    invalid_action: InvalidActionPolicy = "retry"
    invalid_penalty: float = INVALID_PENALTY
    max_episode_steps: int | None = None
    reward_scale: float = 1.0
    optional: bool = Field(default=False, description="leave it out, and say so, where this machine cannot play it")


def read_section(value: Any) -> Any:
    """Turns a bare name into a scenario with its defaults."""
    return {"scenario": value} if isinstance(value, str) else value


def _name_engines(value: Any) -> Any:
    """Names each engine by its key."""
    if not isinstance(value, dict):
        return value
    return {name: {**given, "name": name} if isinstance(given, dict) else given for name, given in value.items()}


Engines = Annotated[dict[str, EngineSpec], BeforeValidator(_name_engines)]


class RunSpec(WrittenFile):
    """A run, as written in a YAML file.

    Agents at the top play every scenario, agents in a scenario only that one. ``scripted:*``
    stands for all the scripted agents of the scenario. Engines are started when an agent
    ``engine:NAME`` has something to play, and end with the run.
    """

    kind = RUN

    scenarios: list[Annotated[ScenarioSection, BeforeValidator(read_section)]] = Field(min_length=1)
    agents: list[str] = []
    engines: Engines = {}
    seeds: Seeds = SeedRange(0, 10)
    repetitions: int = Field(default=1, ge=1, le=1_000_000)
    limits: RunLimits = RunLimits()
    workers: int | None = Field(default=None, ge=1, le=100_000)
    concurrency: int | None = Field(
        default=None, ge=1, le=1_000_000, description="conversations under way at once; 256 in each process if null"
    )

    def nearer(self, line: str, place: Place) -> tuple[Place, str]:
        """An error such as "load_balance: num_servers=0: ..." is about a parameter, whose line says more."""
        named = re.match(r"\w+: (\w+)", line)
        inner = (*place, "parameters", named[1]) if named and place[0] == "scenarios" else place
        return inner, super().nearer(line, place)[1]
