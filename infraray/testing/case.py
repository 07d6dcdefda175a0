"""The scenario under test: which one, with which parameters, on which seeds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, ClassVar

import pytest

import infraray
from infraray.emulators.supply import kept_supplies
from infraray.environment import Environment
from infraray.registration import Registration, find
from infraray.testing.playing import Draws, Steps, play

SHORT = {"warmup_": 5, "scored_": 25, "max_commands": 4}
"""Short values for the parameters with these prefixes, which set the length of an episode."""


class ScenarioCase:
    """Base of the suite's classes: a subclass names what is under test.

    ``warmup_*``, ``scored_*`` and ``max_commands`` parameters, which set the length of an episode, get short values
    unless ``parameters`` sets them. If the machine cannot play the scenario, its tests skip with `Environment.problem`
    as the reason.
    """

    scenario: ClassVar[str]
    """The scenario's id or name."""

    parameters: ClassVar[Mapping[str, Any]] = {}
    """Parameters to test with, if the defaults are too slow or not the intended ones."""

    preset: ClassVar[str | None] = None
    """The scenario's preset to test, if any."""

    seeds: ClassVar[range] = range(5)
    """Seeds of the tasks that are played."""

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _supplied(cls) -> Iterator[None]:
        """What one test's live system left prepared is the next one's."""
        with kept_supplies():
            yield

    @pytest.fixture(autouse=True)
    def _playable(self) -> None:
        problem = _problem(self.registration().id)
        if problem is not None:
            pytest.skip(problem)

    @classmethod
    def registration(cls) -> Registration:
        """The scenario's registration, its baselines imported."""
        found = find(cls.scenario)
        found.import_baselines()
        return found

    @classmethod
    def small_arguments(cls) -> dict[str, Any]:
        """The parameters, and the preset if any, that the suite plays with."""
        fields = cls.registration().environment_class().Parameters.model_fields
        short = {name: value for name in fields for prefix, value in SHORT.items() if name.startswith(prefix)}
        return {**cls.preset_arguments(), **short, **cls.parameters}

    @classmethod
    def preset_arguments(cls) -> dict[str, Any]:
        """The preset, if any."""
        return {} if cls.preset is None else {"preset": cls.preset}

    @classmethod
    def make(cls, **options: Any) -> Environment:
        """Makes the environment; ``options`` are those of `Environment`."""
        return infraray.make(cls.scenario, **cls.small_arguments(), **options)

    @classmethod
    @cache
    def drawn(cls, seed: int, actions_seed: int) -> Steps:
        """An episode of drawn actions, played once for all tests that look at it or compare another one with it."""
        environment = cls.make()
        return play(environment, Draws(environment, actions_seed), seed)


@cache
def _problem(scenario: str) -> str | None:
    """`Environment.problem`, called once because it may start processes."""
    return find(scenario).environment_class().problem()
