"""Earliest completion (also: shortest expected delay).

Sends a job to the server that will finish it first: (work left + job size) / rate. Greedy for the current job; blind
to the jobs after it.
"""

from infraray.agents.agent import ScriptedAgent, register_agent
from infraray.observation import Observation


@register_agent("earliest_completion", scenario="load_balance")
class EarliestCompletion(ScriptedAgent):
    """Smallest (work left + job size) / rate."""

    def act(self, observation: Observation) -> int:
        """Needs work_left, job_size and service_rates."""
        completion_s = (observation.work_left + observation.job_size) / observation.service_rates
        return int(completion_s.argmin())
