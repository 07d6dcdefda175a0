"""SMAC: Bayesian optimisation with a random forest (Hutter, Hoos and Leyton-Brown, 2011; SMAC3 of 2022).

SMAC3's ask and tell with its facade for hyperparameters: a Sobol design first, then a forest on
the logarithm of the losses and expected improvement, looked for locally and at random, and every
fifth configuration at random. SMAC's objects cannot be pickled; a study that goes on repeats its
calls, for which `_RepeatableLocalSearch` makes them repeatable.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence

import numpy as np
from ConfigSpace import Configuration as SmacConfiguration
from ConfigSpace import ConfigurationSpace
from smac import HyperparameterOptimizationFacade as Facade
from smac import Scenario
from smac.acquisition.maximizer import LocalAndSortedRandomSearch, LocalSearch
from smac.main.exceptions import ConfigurationSpaceExhaustedException
from smac.model.random_forest import RandomForest
from smac.runhistory.dataclasses import TrialInfo, TrialValue

from infraray.scratch import scratch_folder
from infraray.space.sampling import sample, sample_untried
from infraray.space.search_space import SearchSpace
from infraray.space.values import Configuration
from infraray.tune.searchers.configspace import decode, to_configspace, to_values
from infraray.tune.searchers.searcher import Proposal, Searcher

INITIAL_PER_DIMENSION, MOST_INITIAL = 4, 16
"""Configurations of the Sobol design; SMAC's own ten a dimension would use up a study of thirty trials."""

CHALLENGERS, LOCAL_SEARCHES = 1000, 3
"""Random points and local searches for the next configuration: a proposal in a tenth of a second."""

MOST_LEAVES = 4096
"""Of a tree. SMAC's own limit of a million makes scikit-learn set aside 100 MB for each tree of ten trials."""

_UNLIMITED = 10**9
_FORBIDDEN = 100
"""Forbidden suggestions in a row after which a configuration is drawn at random."""


class Smac(Searcher):
    """SMAC3 at the full budget."""

    def __init__(self, space: SearchSpace, budgets: Sequence[int], seed: int) -> None:
        super().__init__(space, budgets, seed)
        self.random = np.random.default_rng(seed)
        self.tried: set[str] = set()
        self.worst = 0.0
        self.configspace = to_configspace(space, seed)
        logging.getLogger("smac").setLevel(logging.ERROR)
        # SMAC insists on a folder at its beginning, but writes only what it is told to save.
        with scratch_folder() as folder:
            scenario = Scenario(
                self.configspace, deterministic=True, n_trials=_UNLIMITED, seed=seed, output_directory=folder
            )
            self.facade = Facade(
                scenario,
                _measured_elsewhere,
                model=_forest(scenario),
                initial_design=Facade.get_initial_design(
                    scenario, n_configs=min(INITIAL_PER_DIMENSION * len(space.hyperparameters), MOST_INITIAL)
                ),
                acquisition_maximizer=_maximizer(self.configspace, seed),
                config_selector=Facade.get_config_selector(scenario, retrain_after=1),
                logging_level=False,
                overwrite=True,
            )

    def ask(self, held: Configuration | None = None) -> Proposal | None:
        """SMAC's next challenger; once it says that the space is exhausted, what it has not tried."""
        for _ in range(_FORBIDDEN):
            try:
                with _quiet():
                    info = self.facade.ask()
            except (ConfigurationSpaceExhaustedException, StopIteration):
                drawn = sample_untried(self.space, self.random, self.tried)
                if drawn is not None:
                    self.tried.add(self.space.key(drawn))
                return None if drawn is None else Proposal(drawn, self.budgets[-1])
            configuration = decode(self.space, info.config)
            self.tried.add(self.space.key(configuration))
            if self.space.broken_rule(configuration) is None:
                return Proposal(configuration, self.budgets[-1], info)
            self._tell(info, self.worst)
        return Proposal(sample(self.space, self.random), self.budgets[-1])

    def tell(self, proposal: Proposal, loss: float) -> None:
        """Adds the trial to SMAC's history."""
        self.tried.add(self.space.key(proposal.configuration))
        self.worst = max(self.worst, loss)
        info: TrialInfo | None = proposal.handle
        if info is None:
            values = to_values(self.space, proposal.configuration)
            info = TrialInfo(SmacConfiguration(self.configspace, values=values), seed=0)
        self._tell(info, loss)

    def _tell(self, info: TrialInfo, loss: float) -> None:
        with _quiet():
            self.facade.tell(info, TrialValue(cost=loss), save=False)


class _RepeatableLocalSearch(LocalSearch):
    """SMAC's local search from starting points in a fixed order.

    SMAC collects them in a set of texts, whose order differs from process to process.
    """

    def _get_init_points_from_previous_configs(
        self,
        previous_configs: list[SmacConfiguration],
        n_points: int,
        additional_start_points: list[tuple[float, SmacConfiguration]] | None,
    ) -> list[SmacConfiguration]:
        points = super()._get_init_points_from_previous_configs(previous_configs, n_points, additional_start_points)
        return sorted(points, key=lambda point: bytes(point.get_array().tobytes()))


def _maximizer(configspace: ConfigurationSpace, seed: int) -> LocalAndSortedRandomSearch:
    made = LocalAndSortedRandomSearch(
        configspace, challengers=CHALLENGERS, local_search_iterations=LOCAL_SEARCHES, seed=seed
    )
    made._local_search = _RepeatableLocalSearch(configspace, seed=seed)
    return made


def _forest(scenario: Scenario) -> RandomForest:
    """The facade's own forest, but for the leaves and without threads, whose start costs more than the fit."""
    return RandomForest(
        scenario.configspace,
        log_y=True,
        n_trees=10,
        ratio_features=1.0,
        min_samples_split=2,
        min_samples_leaf=1,
        max_leaf_nodes=MOST_LEAVES,
        n_jobs=1,
        instance_features=scenario.instance_features,
        seed=scenario.seed,
    )


def _measured_elsewhere(config: SmacConfiguration, seed: int = 0) -> float:
    """SMAC asks for a function, which it does not call between ask and tell."""
    raise NotImplementedError


class _quiet(warnings.catch_warnings):
    """Keeps SMAC's warnings, which are about its own parts, from the user."""

    def __enter__(self) -> None:
        super().__enter__()
        warnings.simplefilter("ignore")
