"""Power of two choices.

Draws two servers at random and takes the one with fewer jobs, ties to the faster. Queues become
doubly exponentially shorter than with one choice (Mitzenmacher, 2001).
"""

from infraray.agents.agent import ScriptedAgent, register_agent
from infraray.errors import InfrarayError
from infraray.observation import Observation
from infraray.space import Int, SearchSpace


@register_agent("power_of_two", scenario="load_balance")
class PowerOfTwo(ScriptedAgent):
    """The shortest queue among a few servers drawn at random.

    Args:
        choices: number of servers drawn (without replacement, at most all).
    """

    search_space = SearchSpace("power_of_two", 1, (Int("choices", 1, 10, default=2),))

    def __init__(self, choices: int = 2) -> None:
        if not isinstance(choices, int) or choices < 1:
            raise InfrarayError(f"choices={choices!r}: must be a whole number of at least 1")
        self.choices = choices

    def act(self, observation: Observation) -> int:
        """Needs queue_lengths and service_rates."""
        queues = observation.queue_lengths
        rates = observation.service_rates
        drawn: list[int] = self.random.permutation(len(queues))[: self.choices].tolist()
        return min(drawn, key=lambda server: (queues[server], -rates[server]))
