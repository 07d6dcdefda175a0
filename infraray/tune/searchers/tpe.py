"""TPE: the tree-structured Parzen estimator of Optuna.

Models where good and where other configurations lie, and proposes what is likelier among the good ones
(Bergstra, Bardenet, Bengio and Kegl, 2011). Dimensions that every configuration has are modelled together
(Falkner, Klein and Hutter, 2018), those that are active in some only each by itself. They are suggested
one after the other, each with the values before it known, so that an inactive one is never modelled.
Proposals that are open count as bad ones, so that parallel trials keep apart.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import optuna
from optuna.samplers import TPESampler

from infraray.space.sampling import sample
from infraray.space.search_space import SearchSpace
from infraray.space.values import Configuration, Value
from infraray.tune.searchers.optuna_space import distribution, suggest, to_optuna
from infraray.tune.searchers.searcher import Proposal, Searcher

_FORBIDDEN = 100
"""Forbidden suggestions in a row after which a configuration is drawn at random."""


class Tpe(Searcher):
    """Optuna's `TPESampler` with the defaults of its version 5, also in version 4: ten random configurations first."""

    def __init__(self, space: SearchSpace, budgets: Sequence[int], seed: int) -> None:
        super().__init__(space, budgets, seed)
        self.random = np.random.default_rng(seed)
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            sampler = TPESampler(seed=seed, multivariate=True, constant_liar=True)
        self.study = optuna.create_study(direction="minimize", sampler=sampler)

    def ask(self, held: Configuration | None = None) -> Proposal:
        """Suggests dimension by dimension; what is forbidden is told as the worst there is, and asked again."""
        for _ in range(_FORBIDDEN):
            trial = self.study.ask()
            chosen: dict[str, Value] = {}
            for dimension in self.space.hyperparameters:
                if self.space.is_active(dimension.name, chosen):
                    chosen[dimension.name] = suggest(trial, dimension)
            if self.space.broken_rule(chosen) is None:
                return Proposal(chosen, self.budgets[-1], trial.number)
            self.study.tell(trial, float("inf"))
        return Proposal(sample(self.space, self.random), self.budgets[-1])

    def tell(self, proposal: Proposal, loss: float) -> None:
        """Adds the trial; one that others proposed as if it had been suggested."""
        if proposal.handle is not None:
            self.study.tell(proposal.handle, loss)
            return
        configuration = proposal.configuration
        values = {name: to_optuna(self.space[name], value) for name, value in configuration.items()}
        distributions = {name: distribution(self.space[name]) for name in configuration}
        self.study.add_trial(optuna.trial.create_trial(params=values, distributions=distributions, value=loss))
