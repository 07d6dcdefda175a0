"""The scripted agents of routing, one per file."""

from infraray.scenarios.routing.baselines.constant import Constant
from infraray.scenarios.routing.baselines.expert import Expert

__all__ = ["Constant", "Expert"]
