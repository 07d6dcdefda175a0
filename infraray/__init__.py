"""infraray: agents, classical policies and search compete on infrastructure problems, on the same seeds."""

from typing import TYPE_CHECKING, Any

from infraray import stopping as _stopping  # noqa: F401 (handles a command's signals before the slow imports)

# isort: split
from infraray import scenarios as _scenarios  # noqa: F401 (its import registers the scenarios)
from infraray.agents import Agent, Briefing, ScriptedAgent, Turn, register_agent
from infraray.agents.constant import BestConstant
from infraray.answers import AnswerForm, Choice, Number, Option, Record, Text, Whole
from infraray.environment import Environment, Measures, Outcome, Score, Task
from infraray.errors import InfrarayError, InvalidAction
from infraray.observation import Observation, ObservedField
from infraray.parameters import Parameters, parameter
from infraray.registration import make, make_vector, register
from infraray.simple_scenario import SimpleScenario
from infraray.version import __version__

if TYPE_CHECKING:
    from infraray.launch import run

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


def __getattr__(name: str) -> Any:
    """Imports `run` on first use: environments and agents alone need no Ray."""
    if name == "run":
        from infraray.launch import run

        return run
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
