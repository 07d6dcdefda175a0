"""Lowest: always quality 0. Stalls the least and shows the worst picture."""

from infraray.agents.agent import ScriptedAgent, register_agent
from infraray.observation import Observation


@register_agent("lowest", scenario="abr")
class Lowest(ScriptedAgent):
    """Quality 0."""

    def act(self, observation: Observation) -> int:
        """Ignores the observation."""
        return 0
