"""The grammar: compiles the English of a question into code, as far as it knows the phrasings.

NetArena's public benchmark is solved completely by a grammar of its ten templates. Here a third of the tasks is said in
phrasings that this agent does not have; on those it guesses.
"""

from __future__ import annotations

import re
from typing import ClassVar

from infraray.agents.agent import Briefing, ScriptedAgent, register_agent
from infraray.errors import InfrarayError
from infraray.observation import Observation
from infraray.scenarios.capacity_planning.parameters import CapacityPlanningParameters
from infraray.scenarios.capacity_planning.reading import Grammar, UnknownPhrasing
from infraray.scenarios.capacity_planning.truth import code_of, written
from infraray.scenarios.capacity_planning.words import RETURNED

GUESSES = {"graph": [], "number": ["answer = 0"], "list": ["answer = []"], "table": ["answer = []"]}
"""The lines that give an answer to a question which cannot be read, by the kind of answer."""


@register_agent("grammar", scenario="capacity_planning")
class GrammarAgent(ScriptedAgent):
    """Reads the question and writes the code for its steps."""

    grammar: ClassVar[Grammar] = Grammar(held_out=False)

    def reset(self, briefing: Briefing) -> None:
        """Notes the form in which answers are given."""
        super().reset(briefing)
        assert isinstance(briefing.parameters, CapacityPlanningParameters)
        self.format = briefing.parameters.format

    def act(self, observation: Observation) -> dict[str, str]:
        """Answers with a program; needs the text of the observation."""
        if "text_observation" not in observation:
            raise InfrarayError(
                "scripted:grammar and scripted:expert read the question; they cannot play with text=False"
            )
        found = re.search(r"^Question: (.*)$", observation["text_observation"], re.MULTILINE)
        question = found[1] if found else ""
        try:
            return {"code": code_of(self.grammar.question(question), self.format)}
        except UnknownPhrasing:
            kind = next((kind for kind, sentence in RETURNED.items() if question.endswith(sentence)), "graph")
            return {"code": written(GUESSES[kind], kind, self.format)}
