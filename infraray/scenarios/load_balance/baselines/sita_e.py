"""Size interval task assignment with equal load (SITA-E).

Each server takes the jobs of one size interval, with cut-offs that utilise all servers equally. Small jobs never wait
behind big ones, which pays when sizes vary widely
(Harchol-Balter, Crovella and Murta, 1999). Here the intervals rise with the rate, and the
cut-offs are computed from the known size distribution.
"""

import numpy as np

from infraray.agents.agent import Briefing, ScriptedAgent, register_agent
from infraray.observation import Observation
from infraray.scenarios.load_balance.jobs import draw_sizes
from infraray.scenarios.load_balance.parameters import LoadBalanceParameters

SAMPLE = 100_000


@register_agent("sita_e", scenario="load_balance")
class SitaE(ScriptedAgent):
    """One size interval per server, small jobs to slow servers."""

    def __init__(self) -> None:
        self.known: LoadBalanceParameters | None = None

    def reset(self, briefing: Briefing) -> None:
        """Computes the cut-offs once for each set of parameters."""
        super().reset(briefing)
        parameters = briefing.parameters
        assert isinstance(parameters, LoadBalanceParameters)
        if parameters == self.known:
            return
        self.known = parameters
        rates = parameters.rates
        self.servers = np.argsort(rates, kind="stable")
        # A fixed seed: the cut-offs describe the distribution, not the task.
        sizes = np.sort(draw_sizes(parameters, np.random.default_rng(0), SAMPLE))
        load = np.cumsum(sizes) / sizes.sum()
        shares = np.cumsum(rates[self.servers]) / rates.sum()
        self.cutoffs = sizes[np.searchsorted(load, shares[:-1])]

    def act(self, observation: Observation) -> int:
        """Needs job_size."""
        return int(self.servers[np.searchsorted(self.cutoffs, observation.job_size[0], side="right")])
