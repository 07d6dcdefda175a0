"""The expert: reads every phrasing, the held-out ones too, and so writes the code that the truth was made by."""

from __future__ import annotations

from infraray.agents.agent import register_agent
from infraray.scenarios.capacity_planning.baselines.grammar import GrammarAgent
from infraray.scenarios.capacity_planning.reading import Grammar


@register_agent("expert", scenario="capacity_planning")
class Expert(GrammarAgent):
    """Reads the question and writes the code for its steps; what it reads are words, like all agents."""

    grammar = Grammar(held_out=True)
