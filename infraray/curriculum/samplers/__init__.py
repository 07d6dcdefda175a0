"""Samplers: which tasks to play next, one way a file."""

from infraray.curriculum.samplers.sampler import BANDIT, Sampler, make_sampler

__all__ = ["BANDIT", "Sampler", "make_sampler"]
