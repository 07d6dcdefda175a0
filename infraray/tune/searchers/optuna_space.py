"""A search space's dimensions as Optuna's distributions, and their values there and back.

An ordinal value is its position; a categorical one is its JSON, since Optuna takes ``1`` and ``true``
for the same choice.
"""

from __future__ import annotations

import json
from typing import Any

from optuna import Trial
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from infraray.space.hyperparameters import Categorical, Float, Hyperparameter, Int, Ordinal
from infraray.space.values import Value, find_value, written


def distribution(dimension: Hyperparameter) -> BaseDistribution:
    """The distribution that a dimension's values are suggested from."""
    if isinstance(dimension, Float):
        return FloatDistribution(dimension.low, dimension.high, log=dimension.log)
    if isinstance(dimension, Int):
        return IntDistribution(dimension.low, dimension.high, log=dimension.log, step=dimension.step)
    if isinstance(dimension, Ordinal):
        return IntDistribution(0, dimension.size - 1)
    assert isinstance(dimension, Categorical)
    return CategoricalDistribution(tuple(written(choice) for choice in dimension.choices))


def suggest(trial: Trial, dimension: Hyperparameter) -> Value:
    """Has the sampler suggest a value of a dimension."""
    if isinstance(dimension, Float):
        return dimension.check(trial.suggest_float(dimension.name, dimension.low, dimension.high, log=dimension.log))
    if isinstance(dimension, Int):
        return trial.suggest_int(dimension.name, dimension.low, dimension.high, log=dimension.log, step=dimension.step)
    if isinstance(dimension, Ordinal):
        return dimension.choices[trial.suggest_int(dimension.name, 0, dimension.size - 1)]
    assert isinstance(dimension, Categorical)
    texts = [written(choice) for choice in dimension.choices]
    return dimension.check(json.loads(trial.suggest_categorical(dimension.name, texts)))


def to_optuna(dimension: Hyperparameter, value: Value) -> Any:
    """A value as Optuna has it."""
    if isinstance(dimension, Ordinal):
        return find_value(value, dimension.choices)
    return written(value) if isinstance(dimension, Categorical) else value
