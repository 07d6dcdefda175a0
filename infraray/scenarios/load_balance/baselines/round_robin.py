"""Round robin: the servers in turn, regardless of their rates and queues."""

from infraray.agents.agent import Briefing, ScriptedAgent, register_agent
from infraray.observation import Observation


@register_agent("round_robin", scenario="load_balance")
class RoundRobin(ScriptedAgent):
    """Server 0, 1, 2, ... and again."""

    def reset(self, briefing: Briefing) -> None:
        """Starts at server 0."""
        super().reset(briefing)
        self.servers = int(briefing.action_space.n)  # type: ignore[attr-defined]
        self.next = 0

    def act(self, observation: Observation) -> int:
        """Ignores the observation."""
        server = self.next
        self.next = (server + 1) % self.servers
        return server
