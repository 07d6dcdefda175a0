"""The conformance suite for any scenario, agent or searcher, ours or a user's.

Needs pytest. In a test file of your own::

    from infraray.testing import AgentConformance, ScenarioConformance
    import my_scenario  # registers "elevator"


    class TestElevator(ScenarioConformance):
        scenario = "elevator"


    class TestMyAgent(AgentConformance):
        scenario = "load_balance"
        agent = "python:my_agents:Careful"
"""

import pytest

# Before the import of the classes: pytest then explains their bare asserts as in a test file.
pytest.register_assert_rewrite(
    *(
        f"infraray.testing.{module}"
        for module in (
            "actions",
            "agent",
            "answers",
            "bounds",
            "determinism",
            "interface",
            "scores",
            "searcher",
            "vector_equality",
        )
    )
)

from infraray.testing.agent import AgentConformance  # noqa: E402
from infraray.testing.scenario import ScenarioConformance  # noqa: E402
from infraray.testing.searcher import SearcherConformance  # noqa: E402
from infraray.user_file import load_file  # noqa: E402

__all__ = ["AgentConformance", "ScenarioConformance", "SearcherConformance", "load_file"]
