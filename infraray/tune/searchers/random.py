"""Random search: uniform draws, each configuration once.

The baseline that a model has to beat, and hard to beat where few dimensions matter (Bergstra and
Bengio, 2012).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from infraray.space.sampling import sample_untried
from infraray.space.search_space import SearchSpace
from infraray.space.values import Configuration
from infraray.tune.searchers.searcher import Proposal, Searcher


class RandomSearch(Searcher):
    """Draws each active hyperparameter uniformly, evenly in the logarithm where it is logarithmic."""

    def __init__(self, space: SearchSpace, budgets: Sequence[int], seed: int) -> None:
        super().__init__(space, budgets, seed)
        self.random = np.random.default_rng(seed)
        self.tried: set[str] = set()

    def ask(self, held: Configuration | None = None) -> Proposal | None:
        """Draws what was not tried; None once everything was."""
        drawn = sample_untried(self.space, self.random, self.tried)
        if drawn is None:
            return None
        self.tried.add(self.space.key(drawn))
        return Proposal(drawn, self.budgets[-1])

    def tell(self, proposal: Proposal, loss: float) -> None:
        """Learns that it was tried, and nothing else."""
        self.tried.add(self.space.key(proposal.configuration))
