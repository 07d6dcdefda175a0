"""Examples for few-shot prompts: what the scenario's expert did on tasks that no run plays.

The tasks have the scenario's parameters and level, and seeds from `FIRST_SEED` on; each gives one
example, at a step that differs from task to task. They are the same for every episode of an entry,
so that a server's prefix cache holds them, and are played once per process: if the scenario is a
live system, each takes about as long as an episode.
"""

from __future__ import annotations

import random
import threading
from functools import lru_cache

from infraray.agents.agent import Briefing
from infraray.agents.chat.messages import Message, assistant, user
from infraray.agents.chat.perception import in_words
from infraray.agents.spec import load_agent
from infraray.errors import InfrarayError
from infraray.registration import find

FIRST_SEED = 2**62
"""First of the seeds reserved for examples."""

MAX_STEPS = 40
"""The most steps played of each task."""

_playing = threading.Lock()
"""Makes episodes that begin together wait for one of them to play the tasks."""


def examples(briefing: Briefing, count: int, text: bool) -> list[Message]:
    """Pairs of observation and answer, as messages.

    Args:
        briefing: the episode's.
        count: how many pairs.
        text: whether the episode's observations are words rather than numbers.

    Raises:
        InfrarayError: the scenario has no expert.
    """
    with _playing:
        files = tuple(sorted(briefing.parameters.files().items()))
        pairs = _pairs(briefing.scenario, briefing.parameters.model_dump_json(), files, briefing.level, count, text)
    return [message for seen, said in pairs for message in (user(seen), assistant(said))]


@lru_cache(maxsize=64)
def _pairs(
    scenario: str, parameters: str, files: tuple[tuple[str, str], ...], level: int, count: int, text: bool
) -> tuple[tuple[str, str], ...]:
    """Pairs of observation and answer; ``files`` are those that the parameters name, with their current hashes."""
    environment_class = find(scenario).environment_class()
    if environment_class.expert is None:
        raise InfrarayError(f"strategy=few_shot: scenario {scenario} has no expert to take examples from")
    values = environment_class.Parameters.model_validate_json(parameters).model_dump()
    environment = environment_class(**values, level=level, text=text)
    expert = load_agent(environment.best_agent() or environment_class.expert, scenario)
    pairs = []
    for seed in range(FIRST_SEED, FIRST_SEED + count):
        played: list[tuple[str, str]] = []
        observation, _ = environment.reset(seed=seed)
        expert.reset(Briefing.of(environment, seed))
        over = False
        while not over and len(played) < MAX_STEPS:
            action = expert.act(observation)
            played.append(
                (in_words(observation), action if isinstance(action, str) else environment.say_action(action))
            )
            observation, _, terminated, truncated, _ = environment.step(action)
            over = terminated or truncated
        pairs.append(random.Random(seed).choice(played))
    environment.close()
    return tuple(pairs)
