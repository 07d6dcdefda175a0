"""infraray: agents, classical policies and search compete on infrastructure problems, on the same seeds.

Its names are imported on first use, so that ``import infraray``, a command's help and a shell's completion take little
more time than Gymnasium, with which the scenarios are registered at once.
"""

import importlib
from typing import TYPE_CHECKING, Any

from infraray import stopping as _stopping  # noqa: F401 (handles a command's signals before the slow imports)

# isort: split
from infraray import scenarios as _scenarios  # noqa: F401 (its import registers the scenarios)
from infraray.version import __version__

if TYPE_CHECKING:
    from infraray.agents import Agent, Briefing, ScriptedAgent, Turn, register_agent
    from infraray.agents.constant import BestConstant
    from infraray.answers import AnswerForm, Choice, Number, Option, Record, Text, Whole
    from infraray.environment import Environment, Measures, Outcome, Score, Task
    from infraray.errors import InfrarayError, InvalidAction
    from infraray.launch import run
    from infraray.observation import Observation, ObservedField
    from infraray.parameters import Parameters, parameter
    from infraray.registration import make, make_vector, register
    from infraray.simple_scenario import SimpleScenario

__all__ = [
    "Agent",
    "AnswerForm",
    "BestConstant",
    "Briefing",
    "Choice",
    "Environment",
    "InfrarayError",
    "InvalidAction",
    "Measures",
    "Number",
    "Observation",
    "ObservedField",
    "Option",
    "Outcome",
    "Parameters",
    "Record",
    "Score",
    "ScriptedAgent",
    "SimpleScenario",
    "Task",
    "Text",
    "Turn",
    "Whole",
    "__version__",
    "make",
    "make_vector",
    "parameter",
    "register",
    "register_agent",
    "run",
]


_HOMES = {
    "agents": ("Agent", "Briefing", "ScriptedAgent", "Turn", "register_agent"),
    "agents.constant": ("BestConstant",),
    "answers": ("AnswerForm", "Choice", "Number", "Option", "Record", "Text", "Whole"),
    "environment": ("Environment", "Measures", "Outcome", "Score", "Task"),
    "errors": ("InfrarayError", "InvalidAction"),
    "launch": ("run",),
    "observation": ("Observation", "ObservedField"),
    "parameters": ("Parameters", "parameter"),
    "registration": ("make", "make_vector", "register"),
    "simple_scenario": ("SimpleScenario",),
}
"""The module of each name, as the type checker knows it from above."""

_HOME_OF = {name: f"{__name__}.{home}" for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Imports a name on its first use."""
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(importlib.import_module(_HOME_OF[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """The names that there are, imported or not."""
    return sorted({*globals(), *__all__})
