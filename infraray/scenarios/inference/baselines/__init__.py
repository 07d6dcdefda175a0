"""Scripted agents of the inference scenario, one per file."""

from infraray.scenarios.inference.baselines.defaults import Defaults
from infraray.scenarios.inference.baselines.expert import Expert
from infraray.scenarios.inference.baselines.one_factor import OneFactor
from infraray.scenarios.inference.baselines.random import RandomSearch

__all__ = ["Defaults", "Expert", "OneFactor", "RandomSearch"]
