"""Emulated networks: Mininet's routers, switches and hosts in namespaces of their own."""

from infraray.emulators.network.requirements import features, problem

__all__ = ["features", "problem"]
