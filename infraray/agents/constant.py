"""The best constant answer, which never looks at an observation; a good scenario makes looking pay.

An agent that looks and is no better than this has learnt the scenario's averages, not how to decide.
The answers are tried on tasks of the same parameters that no run plays, the better half of them on
further tasks, until one is left. So the answer is as good as a constant chosen beforehand can be,
and knows nothing of the tasks that count.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

from gymnasium import spaces

from infraray.agents.agent import Briefing, ScriptedAgent
from infraray.environment import Environment
from infraray.observation import Observation
from infraray.registration import find

FIRST_SEED = 2**61
"""First of the seeds reserved for trying constants."""

FEWEST_TASKS, MOST_TASKS = 2, 16
"""Tasks on which all answers are tried, and the most on which the last ones are."""

MOST_STEPS = 5000
"""Of each task."""


class BestConstant(ScriptedAgent):
    """Always gives the same answer; for discrete actions.

    Register a subclass as ``constant`` for a scenario of your own.
    """

    def reset(self, briefing: Briefing) -> None:
        """Finds the answer, once per process."""
        super().reset(briefing)
        answers = self.answers(briefing)
        if len(answers) > 1:
            parameters = briefing.parameters
            files = tuple(sorted(parameters.files().items()))
            found = best_constant(
                briefing.scenario, parameters.model_dump_json(), briefing.level, tuple(answers), files
            )
        self.action = found if len(answers) > 1 else answers[0]

    def answers(self, briefing: Briefing) -> Sequence[int]:
        """The answers to try; all by default.

        If tasks are windows of one recording, those tried may overlap the one that counts: such a scenario
        gives a single answer, which follows from the parameters.
        """
        assert isinstance(briefing.action_space, spaces.Discrete)
        return range(int(briefing.action_space.n))

    def act(self, observation: Observation) -> int:
        """Ignores the observation."""
        return self.action


@lru_cache(maxsize=64)
def best_constant(
    scenario: str, parameters: str, level: int, answers: tuple[int, ...], files: tuple[tuple[str, str], ...]
) -> int:
    """The one of ``answers`` with the best mean score on tasks from `FIRST_SEED` on; the first of equals.

    Args:
        scenario: its name.
        parameters: the scenario's, as JSON.
        level: the difficulty.
        answers: native actions.
        files: those that the parameters name, with hashes of their current content.
    """
    environment_class = find(scenario).environment_class()
    values = environment_class.Parameters.model_validate_json(parameters).model_dump()
    environment = environment_class(**values, level=level, max_episode_steps=MOST_STEPS)
    if environment.layout.size:
        environment = environment_class(**values, level=level, max_episode_steps=MOST_STEPS, text=False)
    sign = 1 if environment.score.higher_is_better else -1
    left, sums = list(answers), dict.fromkeys(answers, 0.0)
    tasks = range(FIRST_SEED, FIRST_SEED + FEWEST_TASKS)
    while len(left) > 1 and tasks.stop <= FIRST_SEED + MOST_TASKS:
        for seed in tasks:
            for answer in left:
                sums[answer] += sign * _score(environment, answer, seed)
        left = sorted(left, key=lambda answer: -sums[answer])[: math.ceil(len(left) / 2)]
        tasks = range(tasks.stop, tasks.stop + len(tasks))
    environment.close()
    return left[0]


def _score(environment: Environment, answer: int, seed: int) -> float:
    environment.reset(seed=seed)
    over = False
    while not over:
        _, _, terminated, truncated, _ = environment.step(answer)
        over = terminated or truncated
    score = environment.verdict().score
    return 0.0 if math.isnan(score) else score
