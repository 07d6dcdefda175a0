"""BOHB: Hyperband whose new configurations come from a model (Falkner, Klein and Hutter, 2018).

The model is hpbandster's: two kernel density estimates on the largest budget that has enough
results, one of the good and one of the bad configurations, and a third of random ones. The
brackets are ours (`brackets`), since Ray's need trials that can be paused.
"""

from __future__ import annotations

import itertools
import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar, NamedTuple

import numpy as np
from hpbandster.optimizers.config_generators.bohb import BOHB as Model

from infraray.space.sampling import sample
from infraray.space.search_space import SearchSpace
from infraray.space.values import Configuration
from infraray.tune.searchers.brackets import Bracket, bracket_sizes
from infraray.tune.searchers.configspace import decode, to_configspace, to_values
from infraray.tune.searchers.searcher import Proposal, Searcher

_FORBIDDEN = 100
"""Forbidden suggestions in a row after which a configuration is drawn at random."""


class _Job(NamedTuple):
    """A result as the model reads it."""

    id: int
    kwargs: dict[str, Any]
    result: dict[str, float]
    exception: None = None


class Bohb(Searcher):
    """hpbandster's model with its own defaults in brackets of ours."""

    multi_fidelity: ClassVar[bool] = True

    def __init__(self, space: SearchSpace, budgets: Sequence[int], seed: int) -> None:
        super().__init__(space, budgets, seed)
        self.random = np.random.default_rng(seed)
        self.numpy_state = np.random.RandomState(seed).get_state()
        quiet = logging.getLogger("infraray.tune.bohb")
        quiet.setLevel(logging.CRITICAL)
        with self._apart():
            self.model = Model(to_configspace(space, seed), logger=quiet)
        self.sizes = itertools.cycle(list(bracket_sizes(len(self.budgets))))
        self.open: list[Bracket] = []

    def ask(self, held: Configuration | None = None) -> Proposal:
        """Fills the oldest bracket that has room; where none has, the next one begins."""
        bracket = next((bracket for bracket in self.open if bracket.has_room), None)
        if bracket is None:
            sizes = next(self.sizes)
            bracket = Bracket(self.budgets[-len(sizes) :], sizes)
            self.open.append(bracket)
        configuration = self._from_model(bracket.budget) if bracket.wants_new else bracket.promoted(held)
        bracket.proposed += 1
        return Proposal(configuration, bracket.budget, bracket)

    def tell(self, proposal: Proposal, loss: float) -> None:
        """Updates the model of the proposal's budget, and its bracket."""
        self._update_model(proposal.configuration, proposal.budget, loss)
        bracket: Bracket | None = proposal.handle
        if bracket is None:
            return
        bracket.add(proposal.configuration, loss)
        if bracket.rung + 1 == len(bracket.budgets) and len(bracket.losses) == bracket.sizes[-1]:
            self.open.remove(bracket)

    def _from_model(self, budget: int) -> Configuration:
        for _ in range(_FORBIDDEN):
            with self._apart():
                suggested, _ = self.model.get_config(budget)
            configuration = decode(self.space, suggested)
            if self.space.broken_rule(configuration) is None:
                return configuration
            self._update_model(configuration, budget, float("inf"))
        return sample(self.space, self.random)

    def _update_model(self, configuration: Configuration, budget: int, loss: float) -> None:
        kwargs = {"budget": budget, "config": to_values(self.space, configuration)}
        with self._apart():
            self.model.new_result(_Job(0, kwargs, {"loss": loss}))

    @contextmanager
    def _apart(self) -> Iterator[None]:
        """The model draws with NumPy's global generator: it gets a state of its own, and others keep theirs.

        What it calls of other libraries was deprecated since; that is nothing that a user could mend.
        """
        outside = np.random.get_state()
        np.random.set_state(self.numpy_state)
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                yield
        finally:
            self.numpy_state = np.random.get_state()
            np.random.set_state(outside)
