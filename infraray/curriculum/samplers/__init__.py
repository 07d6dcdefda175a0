"""Samplers: which tasks to play next, one way a file."""

from infraray.curriculum.samplers.by_name import BANDIT, make_sampler
from infraray.curriculum.samplers.sampler import Sampler

__all__ = ["BANDIT", "Sampler", "make_sampler"]
