"""The scripted agents of routing, one a file."""

from infraray.scenarios.routing.baselines.expert import Expert

__all__ = ["Expert"]
