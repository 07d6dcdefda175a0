"""A probe as a YAML file or the command line's flags ask for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from infraray.curriculum.samplers import BANDIT
from infraray.environment import INVALID_PENALTY, InvalidActionPolicy
from infraray.episodes import RunLimits
from infraray.errors import without_secrets
from infraray.runs.run_file import RunSpec
from infraray.space.values import Value
from infraray.written_file import PROBE, WrittenFile
from infraray.yaml_file import Place

FEWEST_EPISODES = 80
"""With fewer, no interval could tell a region from the rest."""


class _OneTask(RunSpec):
    """The run of one task by which a probe is checked; its errors are about the probe's fields."""

    def nearer(self, line: str, place: Place) -> tuple[Place, str]:
        """The place as in a run, told as it is in the probe."""
        inner, _ = super().nearer(line, place)
        return inner, f"{'.'.join(map(str, _in_probe(inner)))}: {line}"


def _in_probe(place: Place) -> Place:
    """The place in a probe of what has a place in its run."""
    if place[:1] != ("scenarios",):
        return place
    return place[2:] if len(place) > 2 and place[2] != "scenario" else ("probe",)


class ProbeSpec(WrittenFile):
    """A probe, as a YAML file writes it."""

    kind = PROBE

    probe: str = Field(description="the scenario")
    preset: str | None = None
    parameters: dict[str, Any] = {}
    level: int | None = Field(default=None, description="all levels if null")
    knobs: dict[str, str | list[Value]] = Field(default={}, description="parameters that tasks differ in")
    agents: list[str] = Field(min_length=1)
    episodes: int = Field(default=400, ge=FEWEST_EPISODES, le=1_000_000, description="of each agent, at most")
    sampler: str = BANDIT
    seed: int = Field(default=0, ge=0, lt=2**31, description="of all that is drawn")
    start: str | None = Field(default=None, description="the folder of a run of these agents, which guides the search")
    text: bool = True
    invalid_action: InvalidActionPolicy = "retry"
    invalid_penalty: float = INVALID_PENALTY
    max_episode_steps: int | None = None
    limits: RunLimits = RunLimits()
    workers: int | None = Field(default=None, ge=1, le=100_000)
    concurrency: int | None = Field(default=None, ge=1, le=1_000_000)

    def identity(self) -> dict[str, Any]:
        """The fields that make it this probe, without secrets; the others may change when it is gone on with."""
        others = {"name", "agents", "limits", "workers", "concurrency"}
        kept: dict[str, Any] = without_secrets(self.model_dump(mode="json", exclude=others))
        return kept

    def as_run(self) -> RunSpec:
        """A run of one task with the same agents, by which everything but the knobs is checked.

        Raises:
            InfrarayError: one line per mistake.
        """
        of_section = ("preset", "parameters", "text", "invalid_action", "invalid_penalty", "max_episode_steps")
        section = {"scenario": self.probe, **{name: getattr(self, name) for name in of_section}}
        if self.level is not None:
            section["level"] = self.level
        of_run = ("name", "imports", "agents", "limits", "workers", "concurrency")
        run = {"scenarios": [section], "seeds": 1, **{name: getattr(self, name) for name in of_run}}
        return _OneTask.parse(run, lambda place: self._where(_in_probe(place)))

    def merged(self, flags: Mapping[str, Any]) -> Mapping[str, Any]:
        """With the file's other knobs."""
        return {**flags, "knobs": {**self.knobs, **flags["knobs"]}} if "knobs" in flags else flags
