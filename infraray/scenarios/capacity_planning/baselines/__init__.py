"""The scripted agents of capacity planning, one a file."""

from infraray.scenarios.capacity_planning.baselines.constant import Constant
from infraray.scenarios.capacity_planning.baselines.expert import Expert
from infraray.scenarios.capacity_planning.baselines.grammar import GrammarAgent

__all__ = ["Constant", "Expert", "GrammarAgent"]
