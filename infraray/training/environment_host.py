"""The host of one environment: plays it for a policy that stands elsewhere.

As a Ray actor it has a process of its own, on any node: an environment that dies or hangs takes nothing with it, and
emulators need not run where the GPUs are.
"""

from __future__ import annotations

import math
import os
from contextlib import ExitStack
from typing import NamedTuple

from infraray.actors.imports import NO_IMPORTS, Imports
from infraray.agents import Briefing
from infraray.agents.chat.examples import examples
from infraray.agents.chat.messages import Message
from infraray.environment import Environment
from infraray.episodes import Entry, EpisodePlayer, EpisodeSpec, Step
from infraray.observation import Observation
from infraray.registration import find
from infraray.training.played import Ending, Played, PlayedStep
from infraray.training.rewards import rewards
from infraray.training.task import TrainingTask


class Begun(NamedTuple):
    """A task's beginning: what the policy is told first, and what it sees."""

    briefing: Briefing
    observation: Observation


class Ended(NamedTuple):
    """A task's end: what its reward sees, and the steps as an episode's record has them, but for the agent's part."""

    played: Played
    steps: list[Step]


class EnvironmentHost:
    """Plays one episode after the other, each from `begin` to `end`.

    Its methods block, as environments do; whoever calls them from an event loop awaits the actor.

    Args:
        imports: the user's files that register scenarios.
    """

    def __init__(self, imports: Imports = NO_IMPORTS) -> None:
        self.imports = imports
        self._environment: Environment | None = None
        self._made_for = ""
        # Floors are played without a limit of their own: whoever waits for the host has one.
        self._player = EpisodePlayer(time_limit_s=math.inf)
        self._held = ExitStack()

    def process(self) -> int:
        """The id of its process."""
        return os.getpid()

    def begin(self, task: TrainingTask, agent_seed: int) -> Begun:
        """Starts a task; an episode that was not ended before is forgotten.

        Args:
            task: the task.
            agent_seed: see `Briefing`.

        Raises:
            InfrarayError: the task is not one that can be played.
        """
        # Not in the constructor, whose errors Ray takes for the actor's death.
        self.imports.load()
        self._held.close()
        made_for = task.model_dump_json(exclude={"seed", "chat", "reward", "unsafe_penalty"})
        if self._environment is None or made_for != self._made_for:
            self._drop()
            self._environment, self._made_for = task.make_environment(), made_for
        self.task = task
        self._held.enter_context(self._environment.exclusively())
        self._seen, _ = self._environment.reset(seed=task.seed)
        self.steps: list[Step] = []
        self._ended_by: Ending | None = None
        return Begun(Briefing.of(self._environment, agent_seed), self._seen)

    def examples(self, count: int) -> list[Message]:
        """Examples for a prompt, played here by the scenario's expert: a live system is where the host is."""
        assert self._environment is not None
        return examples(Briefing.of(self._environment, 0), count, self.task.text)

    def step(self, answer: str) -> Observation | None:
        """Takes an answer; returns what the policy sees next, None after the episode's end."""
        assert self._environment is not None
        following: Observation
        following, reward, terminated, truncated, info = self._environment.step(answer)
        self.steps.append(Step(self._seen, answer, float(reward), terminated, truncated, info, math.nan))
        self._seen = following
        if terminated or truncated:
            self._ended_by = "task" if terminated else "steps"
            return None
        return following

    def end(self, ending: Ending | None = None) -> Ended:
        """Ends the episode, whether or not the task is over, with the verdict on what was played.

        Args:
            ending: the limit that ended it; None if the environment did.
        """
        environment = self._environment
        assert environment is not None
        ended_by = self._ended_by or ending
        assert ended_by is not None, "an episode that goes on is ended by a limit"
        measures = environment.verdict()
        self._held.close()
        spec = self._spec(environment)
        floor, bound = self._player.floor_and_bound(spec, environment)  # both as far as the task was played
        played = Played(
            steps=[PlayedStep(step.reward, bool(step.info["valid"]), step.info.get("safe")) for step in self.steps],
            max_steps=self.task.max_steps,
            carried_out=environment.played,
            ending=ended_by,
            measures=measures.beside(floor),
            floor=floor,
            bound=bound,
            higher_is_better=environment.score.higher_is_better,
            worst_step=self._worst_step(spec, environment),
        )
        if self._ended_by is None:
            # A live system stays up in the middle of its episode.
            self._drop()
        return Ended(played, self.steps)

    def _spec(self, environment: Environment) -> EpisodeSpec:
        """The episode, for which the player remembers what the random agent does."""
        entry = Entry.vacant(environment, find(self.task.scenario).id, environment.scenario).played_by("training")
        return EpisodeSpec(entry, self.task.seed, 0)

    def _worst_step(self, spec: EpisodeSpec, environment: Environment) -> float:
        """The lowest reward of the random agent's steps; NaN where no reward asks for it, and on a live system."""
        # A live system would take as long again.
        if environment.blocking or not rewards[self.task.reward].needs_worst_step:
            return math.nan
        return self._player.worst_random_reward(spec)

    def _drop(self) -> None:
        environment, self._environment = self._environment, None
        if environment is not None:
            environment.close()
