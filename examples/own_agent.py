r"""An agent of your own, on the leaderboard next to the classical ones.

infraray run --scenario load_balance --agent 'scripted:*' \
        --agent python:examples/own_agent.py:Patient --seeds 20

Options follow a question mark: python:examples/own_agent.py:Patient?big=5. A changed file is a different agent, so its
episodes are played again.
"""

from infraray import Agent, Observation


class Patient(Agent):
    """Sends big jobs only to fast servers, even if their queues are longer.

    Args:
        big: jobs above this size (work units) go to fast servers only.
    """

    def __init__(self, big: float = 2.0) -> None:
        self.big = big

    def act(self, observation: Observation) -> int:
        """Earliest completion; for big jobs, among the faster half of the servers."""
        rates = observation.service_rates
        completion_s = (observation.work_left + observation.job_size) / rates
        if observation.job_size[0] > self.big:
            completion_s[rates < sorted(rates)[len(rates) // 2]] = float("inf")
        return int(completion_s.argmin())
