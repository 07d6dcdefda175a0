"""Emulators: live systems that environments drive, each in namespaces of its own."""

from infraray.emulators.requirements import features, problem

__all__ = ["features", "problem"]
