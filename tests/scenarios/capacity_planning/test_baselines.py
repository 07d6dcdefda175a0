"""The grammar writes the truth's code for phrasings that it knows; the expert for all."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from infraray.agents.agent import Briefing
from infraray.errors import InfrarayError
from infraray.scenarios.capacity_planning.baselines.expert import Expert
from infraray.scenarios.capacity_planning.baselines.grammar import GrammarAgent
from infraray.scenarios.capacity_planning.generator import SMALL
from infraray.scenarios.capacity_planning.parameters import CapacityPlanningParameters
from infraray.scenarios.capacity_planning.programs import Programs
from infraray.scenarios.capacity_planning.tasks import generate_task
from infraray.scenarios.capacity_planning.templates import LEVELS
from infraray.scenarios.capacity_planning.truth import truth_code


def briefing(answer_format: str) -> Briefing:
    parameters = CapacityPlanningParameters(answer_format=answer_format, **asdict(SMALL))
    return Briefing("capacity_planning", "", "", Programs(), parameters, level=1, seed=0)


@pytest.mark.parametrize("answer_format", ["plain", "netarena"])
def test_code_is_that_of_the_truth_where_the_question_can_be_read(answer_format):
    told = briefing(answer_format)
    grammar, expert = GrammarAgent(), Expert()
    grammar.reset(told)
    expert.reset(told)
    topology = told.parameters.topology()
    for level in LEVELS:
        for seed in range(60):
            task = generate_task(topology, level, seed)
            observation = {"text_observation": f"Question: {task.question}\n3 answers are left."}
            truth = {"code": truth_code(task, told.parameters.format)}
            assert expert.act(observation) == truth
            assert (grammar.act(observation) == truth) != task.held_out


@pytest.mark.parametrize(
    ("question", "guess"),
    [
        ("Surprise me. Return the number as an int.", 0),
        ("Surprise me. Return the names as a list of str, sorted.", []),
        ("Surprise me. Return a list of tuples (name, capacity in bit/s), in that order.", []),
        ("Surprise me. Return the updated graph.", "the graph"),
        ("Surprise me.", "the graph"),
    ],
)
def test_guesses_have_the_form_that_is_asked_for(question, guess):
    agent = GrammarAgent()
    agent.reset(briefing("plain"))
    names: dict = {}
    exec(agent.act({"text_observation": f"Question: {question}"})["code"], names)
    assert names["process_graph"]("the graph") == guess


def test_without_text_there_is_nothing_to_read():
    with pytest.raises(InfrarayError, match="text=False"):
        Expert().act({})
