"""Search: spaces of configurations, what measures them, and the searchers that propose them."""

from infraray.tune.hyperparameters import Categorical, Float, Int, Ordinal
from infraray.tune.objective import Measurement, Objective, SearchRequest
from infraray.tune.space import Forbidden, ForbiddenAbove, SearchSpace, chosen_part, joint_space
from infraray.tune.values import Configuration, Value

__all__ = [
    "Categorical",
    "Configuration",
    "Float",
    "Forbidden",
    "ForbiddenAbove",
    "Int",
    "Measurement",
    "Objective",
    "Ordinal",
    "SearchRequest",
    "SearchSpace",
    "Value",
    "chosen_part",
    "joint_space",
]
