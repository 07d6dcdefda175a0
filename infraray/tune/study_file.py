"""A study as a YAML file or the command line's flags ask for it."""

from __future__ import annotations

import pkgutil
import re
from collections.abc import Mapping
from typing import Any, Self

from pydantic import Field, model_validator

from infraray.agents import parse_agent
from infraray.errors import InfrarayError, without_secrets
from infraray.parameters import file_sha256
from infraray.registration import Registration, find
from infraray.runs.seeds import Seeds
from infraray.seeds import SeedRange
from infraray.strict import StrictModel
from infraray.tune.episodes import EpisodeObjective
from infraray.tune.objective import Objective, SearchRequest
from infraray.tune.searchers import find_searcher
from infraray.user_code import guarded
from infraray.user_file import load_file, read_source
from infraray.written_file import STUDY, WrittenFile
from infraray.yaml_file import Place

MOST_SEEDS = 100_000

SMALLEST_SHARE = 0.0001
"""What Ray tells from none."""


class BudgetSection(StrictModel):
    """What the search may spend; what comes first ends it."""

    trials: int | None = Field(default=None, ge=1, le=1_000_000, description="full measurements")
    seconds: float | None = Field(default=None, gt=0, le=31_536_000, description="wall-clock time of all trials")


class ResourcesSection(StrictModel):
    """What each trial has for itself."""

    cpus: float = Field(default=1.0, ge=0, le=100_000)
    gpus: float = Field(default=0.0, ge=0, le=100_000)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if max(self.cpus, self.gpus) < SMALLEST_SHARE:
            raise ValueError(f"one of the two must be at least {SMALLEST_SHARE:g}")
        if self.gpus > 1 and self.gpus % 1:
            raise ValueError("gpus must be a whole number, or a share of one")
        return self


class StudySpec(WrittenFile):
    """A study, as a YAML file writes it."""

    kind = STUDY

    scenario: str
    preset: str | None = None
    parameters: dict[str, Any] = {}
    level: int = 1
    agents: list[str] = []
    searcher: str = "tpe"
    seed: int = Field(default=0, ge=0, lt=2**31)
    budget: BudgetSection = BudgetSection(trials=50)
    min_budget: int | None = Field(default=None, ge=1)
    seeds: Seeds | None = None
    evaluation_seeds: Seeds | None = None
    against: list[str] = []
    parallel: int | None = Field(default=None, ge=1, le=100_000)
    resources: ResourcesSection = ResourcesSection()

    def identity(self) -> dict[str, Any]:
        """The fields that make it this study, without secrets; the others may change when it is gone on with."""
        others = {"budget", "against", "parallel", "resources"}
        kept: dict[str, Any] = without_secrets(self.model_dump(mode="json", exclude=others))
        return kept

    def merged(self, flags: Mapping[str, Any]) -> Mapping[str, Any]:
        """With the budget's other limit."""
        if "budget" not in flags:
            return flags
        return {**flags, "budget": {**self.budget.model_dump(), **flags["budget"]}}

    def nearer(self, line: str, place: Place) -> tuple[Place, str]:
        """Errors such as "abr: chunk_s=0: ..." and "agents: ..." are about a part whose line is nearer."""
        named = re.match(r"\w+: (\w+)=", line)
        field = re.match(r"(\w+): ", line)
        if named and named[1] in self.parameters:
            return ("parameters", named[1]), line
        if field and field[1] in type(self).model_fields:
            return (field[1],), line
        return super().nearer(line, place) if place else (place, line)


def find_objective(registration: Registration) -> type[Objective]:
    """The class that a scenario is registered with, without one `EpisodeObjective`."""
    found = registration.objective or EpisodeObjective
    objective_class: type[Objective] = pkgutil.resolve_name(found) if isinstance(found, str) else found
    return objective_class


def make_objective(spec: StudySpec) -> Objective:
    """Resolves a study: imports the user's files, finds the searcher, makes the objective.

    Raises:
        InfrarayError: a name is unknown, a parameter is out of range, the scenario has nothing to search.
    """
    for position, path in enumerate(spec.imports):
        with spec.explaining("imports", position):
            load_file(path)
    with spec.explaining("searcher"):
        find_searcher(spec.searcher)
    with spec.explaining("budget"):
        if spec.budget.trials is None and spec.budget.seconds is None:
            raise InfrarayError("says neither trials nor seconds; without either the search has no end")
    with spec.explaining("scenario"), guarded(f"scenario {spec.scenario}"):
        registration = find(spec.scenario)
        objective_class = find_objective(registration)
        development, evaluation = map(tuple, objective_class.search_seeds)
    for name in ("preset", "level"):
        if name in spec.parameters:
            with spec.explaining("parameters", name):
                raise InfrarayError("belongs beside 'parameters', not inside")
    with spec.explaining("seeds"):
        seeds = development if spec.seeds is None else _listed(spec.seeds)
    with spec.explaining("evaluation_seeds"):
        evaluation_seeds = evaluation if spec.evaluation_seeds is None else _listed(spec.evaluation_seeds)
        if common := sorted({*seeds} & {*evaluation_seeds}):
            raise InfrarayError(f"{common[0]} is among seeds too; what was tuned on a seed proves nothing there")
    with spec.explaining("scenario"), guarded(f"scenario {spec.scenario}"):
        request = SearchRequest(
            registration.id,
            spec.preset,
            spec.parameters,
            spec.level,
            tuple(spec.agents),
            seeds,
            evaluation_seeds,
            spec.budget.seconds,
            {path: file_sha256(path) for path in spec.imports},
        )
        objective = objective_class(request)
    with spec.explaining("min_budget"):
        if spec.min_budget is not None and not objective.min_budget <= spec.min_budget <= objective.max_budget:
            allowed = f"from {objective.min_budget} to {objective.max_budget} {objective.budget_unit}"
            raise InfrarayError(f"{spec.min_budget}: must be {allowed}")
    for position, agent in enumerate(spec.against):
        with spec.explaining("against", position), guarded(f"agent {agent}"):
            objective.check_agent(agent)
    return objective


def user_files(spec: StudySpec) -> dict[str, bytes]:
    """The content of the user's Python files by path, for the machines that do not have them."""
    paths = {path for agent in (*spec.agents, *spec.against) for path in parse_agent(agent).files()}
    return {path: read_source(path) for path in paths | set(spec.imports)}


def _listed(seeds: SeedRange | tuple[int, ...]) -> tuple[int, ...]:
    if len(seeds) > MOST_SEEDS:
        raise InfrarayError(f"{len(seeds)} seeds: must be at most {MOST_SEEDS}")
    return tuple(seeds)
