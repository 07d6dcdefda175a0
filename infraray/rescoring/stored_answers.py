"""The agent that repeats another one's stored answers, as long as the world looks as it did then."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from infraray.agents import Agent, Turn
from infraray.environment import MAX_RETRIES
from infraray.observation import Observation

STORED_ANSWERS = "stored answers"
"""Stands in for the agent's spec while an episode is played again; nobody can write such a spec."""


class AnswersRanOut(Exception):
    """Raised when the episode goes on after the stored one had ended."""


class StoredAnswers(Agent):
    """Repeats an agent's answers, as long as the world looks as it did then."""

    def begin(self, steps: Sequence[Mapping[str, Any]]) -> None:
        """Takes the steps of the episode that is played next."""
        self.steps = steps
        self.used: list[int] = []
        """For each step played, the stored step whose answer it got."""
        self.diverged_at: int | None = None
        self._next = 0

    def act(self, observation: Observation) -> Turn:
        """The stored answer, with its tokens and what the agent recorded."""
        if self.diverged_at is None:
            # Consecutive answers to the same state are retries after an invalid one.
            ahead = range(self._next, min(self._next + MAX_RETRIES + 1, len(self.steps)))
            fitting = next((index for index in ahead if _looks_like(observation, self.steps[index])), None)
            if fitting is None:
                self.diverged_at = len(self.used)
            else:
                self._next = fitting
        if self._next >= len(self.steps):
            raise AnswersRanOut(f"the stored answers end after {len(self.steps)} steps and the episode does not")
        step = self.steps[self._next]
        self.used.append(self._next)
        self._next += 1
        extra = json.loads(step["extra"]) if step["extra"] is not None else {}
        return Turn(step["action_said"], step["input_tokens"], step["output_tokens"], extra.get("agent"))


def _looks_like(observation: Observation, step: Mapping[str, Any]) -> bool:
    """Whether the world looks as it did at a stored step, by its numbers if it has any: texts may be reworded."""
    numbers, stored = observation.get("numeric_observation"), step["numeric_observation"]
    if numbers is not None and stored:
        return len(numbers) == len(stored) and bool(np.allclose(numbers, stored, rtol=1e-9, atol=0, equal_nan=True))
    return bool(observation.get("text_observation") == step["text_observation"])
