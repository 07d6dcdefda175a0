"""A base for scenarios in some forty lines: a state, a step and a score, from which everything else follows.

It covers the common case, in which an agent chooses a number, a fixed number of times, and is ranked by the mean of
what its choices earned. A scenario that needs more overrides further methods: `SimpleScenario` is an `Environment`
and hides nothing of it.
"""

from __future__ import annotations

import inspect
import math
from abc import abstractmethod
from typing import Any, ClassVar

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from infraray.answers import Choice
from infraray.environment import Environment, Measures, Outcome, Task
from infraray.errors import InfrarayError
from infraray.observation import ObservedField


class SimpleScenario(Environment):
    """Base of scenarios whose agents choose a number in each step.

    The subclass's docstring is the task: it tells an agent what the system is and what to do, and the manual is
    made from it. The rest is in its attributes ``scenario``, ``score`` and ``observes`` and its methods `choices`,
    `steps`, `start` and `decide`; also ``bound``, unless ``score`` declares its best value.
    """

    observes: ClassVar[tuple[ObservedField, ...]]
    """The part of the state that agents see; the scenario keeps each field in the attribute of that name."""
    action: ClassVar[str] = "choice"
    """The name of the choice in an agent's answer: ``{"replicas": 3}``."""

    @abstractmethod
    def choices(self) -> int:
        """The number of choices: actions are the whole numbers from 0 up to it, exclusive."""

    @abstractmethod
    def steps(self) -> int:
        """The number of steps in an episode."""

    @abstractmethod
    def start(self, random: np.random.Generator) -> None:
        """Draws the task from a generator with its seed and sets the state before the first step."""

    @abstractmethod
    def decide(self, action: int) -> float:
        """Advances the state by one step (``self.played`` counts from 0) and returns what the action earned.

        The mean is the score, negated where lower scores are better.
        """

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        if not inspect.isabstract(cls) and "scenario" in vars(cls) and cls.__doc__:
            text, section, _ = inspect.cleandoc(cls.__doc__).partition("\n## ")
            cls.task_text = " ".join(text.split())
            if not section:
                cls.__doc__ = cls._manual()

    task_text: ClassVar[str] = ""
    """The docstring, as agents read it."""

    @classmethod
    def _manual(cls) -> str:
        """The sections of a manual (described in `Environment`'s docstring)."""
        best = "higher" if cls.score.higher_is_better else "lower"
        sections = {
            "Description": cls.task_text,
            "Observation": "\n".join(
                f"- {field.name} ({field.size}, {field.unit}): {field.description}" for field in cls.observes
            ),
            "Actions": f"``Discrete``: {cls.action}, a whole number from 0. Default: 0.",
            "Reward": "What the step earned.",
            "Parameters": "\n".join(
                f"- {name}: {field.description}" for name, field in cls.Parameters.model_fields.items()
            )
            or "None.",
            "Episode end": f"After its steps. The score, {cls.score.name} ({best} is better), is the mean of a step.",
            "Baselines": f"random (floor), and what is registered for {cls.scenario}.",
            "Source": f"{cls.__module__}.{cls.__qualname__}",
        }
        return "\n\n".join(f"## {title}\n{text}" for title, text in sections.items())

    def observed_fields(self) -> tuple[ObservedField, ...]:
        """The space of ``observes``."""
        return self.observes

    def make_action_space(self) -> spaces.Discrete:
        """The numbers that may be chosen."""
        return spaces.Discrete(self.choices())

    def answer_form(self) -> Choice:
        """A number under the name of the choice."""
        return Choice(self.action, self.choices())

    def default_action(self) -> int:
        """The number 0."""
        return 0

    def describe_task(self) -> str:
        """The docstring."""
        return self.task_text

    def describe_actions(self) -> str:
        """The numbers, and an example."""
        last = self.choices() - 1
        return f'Answer with {self.action}, a whole number from 0 to {last}, for example {{"{self.action}": {last}}}.'

    def begin(self, task: Task) -> None:
        """Starts the task with a generator of its seed."""
        self.earned = 0.0
        self.start(np.random.default_rng([task.seed, 0x51]))

    def advance(self, action: int) -> Outcome:
        """Takes the step and adds up its earnings."""
        reward = float(self.decide(action))
        self.earned += reward
        return Outcome(reward, terminated=self.played + 1 == self.steps())

    def numbers(self) -> NDArray[np.float64]:
        """The observed state."""
        return np.concatenate([np.atleast_1d(getattr(self, field.name)) for field in self.observes], dtype=np.float64)

    def words(self) -> str:
        """The observed state in words, one line per field: ``demand: 3.25 replicas``."""
        parts = self.numbers()
        lines = []
        for field in self.observes:
            values = ", ".join(f"{value:.4g}" for value in parts[self.layout.slices[field.name]])
            lines.append(f"{field.name}: {values}" + (f" {field.unit}" if field.unit != "1" else ""))
        return "\n".join(lines)

    def measure(self) -> Measures:
        """The mean earned per step."""
        sign = 1 if self.score.higher_is_better else -1
        return Measures(sign * self.earned / self.played if self.played else math.nan)

    def bound(self) -> float:
        """The best value that the score can have.

        Raises:
            InfrarayError: it has no limit on that side.
        """
        best = self.score.range[self.score.higher_is_better]
        if math.isinf(best):
            side = "high" if self.score.higher_is_better else "low"
            raise InfrarayError(
                f"{self.scenario}: the best score is unknown; give its {side}= to infraray.Score, or write bound()"
            )
        return best
