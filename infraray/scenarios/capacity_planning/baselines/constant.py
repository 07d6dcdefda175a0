"""The best constant guess: looks at which form of answer is asked for, and at nothing else.

A number is the commonest answer of a level's tasks, a list is empty, a table too, and a graph stays as it is, unless
another constant is right more often.
"""

from __future__ import annotations

from collections import Counter
from functools import lru_cache

from infraray.agents.agent import Briefing, ScriptedAgent, register_agent
from infraray.errors import InfrarayError
from infraray.observation import Observation
from infraray.scenarios.capacity_planning.datacenters import grader_of
from infraray.scenarios.capacity_planning.parameters import CapacityPlanningParameters
from infraray.scenarios.capacity_planning.programs import program
from infraray.scenarios.capacity_planning.tasks import generate_task
from infraray.scenarios.capacity_planning.words import NETARENA_TYPES, RETURNED, AnswerFormat

FIRST_SEED = 2**30
"""Of the tasks whose commonest answers are taken: none that agents are compared on."""

TASKS = 100


@register_agent("constant", scenario="capacity_planning")
class Constant(ScriptedAgent):
    """Guesses what is right most often for a question with this form of answer."""

    def reset(self, briefing: Briefing) -> None:
        """Finds the guesses, once in a process."""
        super().reset(briefing)
        assert isinstance(briefing.parameters, CapacityPlanningParameters)
        self.format = briefing.parameters.format
        self.guesses = best_guesses(briefing.parameters, briefing.level)

    def act(self, observation: Observation) -> dict[str, str]:
        """Answers with a program."""
        if "text_observation" not in observation:
            raise InfrarayError("scripted:constant reads which form of answer is asked for; it needs text")
        text = observation["text_observation"]
        kind = next(kind for kind, sentence in RETURNED.items() if sentence in text)
        return {"code": answer(kind, self.guesses[kind], self.format)}


def answer(kind: str, guess: str, answer_format: AnswerFormat) -> str:
    """The program that gives an answer of this kind whatever the graph is.

    Args:
        kind: of the answer: ``number``, ``list``, ``table`` or ``graph``.
        guess: it, as an expression.
        answer_format: what the program returns.
    """
    if answer_format is AnswerFormat.PLAIN:
        return program(guess)
    return program(f"{{'type': {NETARENA_TYPES[kind]!r}, 'data': {guess}, 'updated_graph': graph_data}}")


@lru_cache(maxsize=64)
def best_guesses(parameters: CapacityPlanningParameters, level: int) -> dict[str, str]:
    """By the kind of answer, the expression that is right most often on other tasks of a level."""
    seen: dict[str, Counter[str]] = {"number": Counter(), "list": Counter(), "table": Counter(), "graph": Counter()}
    with grader_of(parameters).topology() as topology:
        for seed in range(FIRST_SEED, FIRST_SEED + TASKS):
            expected = generate_task(topology, level, seed).expected
            seen[expected.kind][repr(expected.value)] += 1
    usual = {"number": "0", "list": "[]", "table": "[]"}
    found = {kind: counts.most_common(1)[0][0] for kind, counts in seen.items() if counts}
    return {**usual, **found, "graph": "graph_data"}
