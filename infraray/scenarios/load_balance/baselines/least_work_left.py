"""Least work left (LWL).

Sends a job to the server that becomes free first: work left / rate, ties to the fastest. Equal
to one central queue (Harchol-Balter et al., 1999); blind to the job's own size, so a big job may go to an idle slow
server.
"""

from infraray.agents.agent import ScriptedAgent, register_agent
from infraray.observation import Observation


@register_agent("least_work_left", scenario="load_balance")
class LeastWorkLeft(ScriptedAgent):
    """Smallest work left / rate, ties to the fastest server."""

    def act(self, observation: Observation) -> int:
        """Needs work_left and service_rates."""
        rates = observation.service_rates
        waiting_s = (observation.work_left / rates).tolist()
        return min(range(len(waiting_s)), key=lambda server: (waiting_s[server], -rates[server]))
