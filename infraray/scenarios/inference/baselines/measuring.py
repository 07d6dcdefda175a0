"""The common part of the scripted agents: measure proposals one by one and submit the best in time."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import Any

from infraray.agents.agent import Briefing, ScriptedAgent
from infraray.observation import Observation
from infraray.scenarios.inference.parameters import InferenceParameters
from infraray.space.values import Configuration

RESERVE = 1.2
"""Multiple of the longest measurement so far that must still fit into the budget to begin another."""


class MeasuringAgent(ScriptedAgent):
    """Measures `proposals` until they or the budget run out, then submits the best."""

    def reset(self, briefing: Briefing) -> None:
        """Begins with the defaults."""
        super().reset(briefing)
        assert isinstance(briefing.parameters, InferenceParameters)
        self.setting = briefing.parameters.setting()
        self.space = self.setting.space
        self.best: Configuration = self.space.default
        self.best_speedup = 0.0
        self._asked: Configuration | None = None
        self._left_s = 0.0
        self._longest_s = 0.0
        self._proposals = self.proposals()

    @abstractmethod
    def proposals(self) -> Iterator[Configuration]:
        """Configurations to measure; ``best`` and ``best_speedup`` are up to date for each."""

    def act(self, observation: Observation) -> dict[str, Any]:
        """Needs budget_left and last_speedup."""
        left_s, speedup = observation.budget_left[0].item(), observation.last_speedup[0].item()
        if self._asked is not None:
            self._longest_s = max(self._longest_s, self._left_s - left_s)
            if speedup > self.best_speedup:
                self.best, self.best_speedup = self._asked, speedup
        self._left_s = left_s
        self._asked = next(self._proposals, None) if left_s > RESERVE * self._longest_s else None
        if self._asked is None:
            return {"submit": self.best}
        return {"evaluate": self._asked}
