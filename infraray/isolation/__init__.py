"""Runs code written by an LLM; infraray has no other way to do so.

A command or a Python program runs in namespaces of its own, sees only the system's read-only folders, has either no
network or that of one emulated machine, and is ended at its limits. See docs/isolation.md.
"""

from infraray.isolation.bubblewrap import Network
from infraray.isolation.limits import Limits
from infraray.isolation.running import Equipment, Finished
from infraray.isolation.sandbox import Sandbox, problem
from infraray.isolation.warm import Answered, WarmPython

__all__ = ["Answered", "Equipment", "Finished", "Limits", "Network", "Sandbox", "WarmPython", "problem"]
