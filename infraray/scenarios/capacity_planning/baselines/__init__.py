"""The scripted agents of capacity planning, one a file."""

from infraray.scenarios.capacity_planning.baselines.constant import Constant

__all__ = ["Constant"]
