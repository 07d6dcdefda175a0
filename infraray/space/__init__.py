"""Search spaces: hyperparameters, their values, and how configurations are drawn."""

from infraray.space.hyperparameters import Categorical, Float, Int, Ordinal
from infraray.space.search_space import Forbidden, ForbiddenAbove, SearchSpace, chosen_part, joint_space
from infraray.space.values import Configuration, Value

__all__ = [
    "Categorical",
    "Configuration",
    "Float",
    "Forbidden",
    "ForbiddenAbove",
    "Int",
    "Ordinal",
    "SearchSpace",
    "Value",
    "chosen_part",
    "joint_space",
]
