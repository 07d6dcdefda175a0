"""A search space as a ConfigSpace, which SMAC and BOHB work on, and configurations there and back.

An ordinal value and one with a step are their position, as a whole number: hpbandster takes no
ordinals. A categorical one is its JSON, since values come back as NumPy's own text and truth.
"""

from __future__ import annotations

import json
from typing import Any

import ConfigSpace as cs

from infraray.space.hyperparameters import Categorical, Float, Hyperparameter, Int, Ordinal
from infraray.space.search_space import Forbidden, ForbiddenAbove, SearchSpace
from infraray.space.values import Configuration, Value, find_value, written

_LISTED = 10_000
"""Pairs of values up to which a rule about two hyperparameters is written out pair by pair."""


def to_configspace(space: SearchSpace, seed: int) -> cs.ConfigurationSpace:
    """The same space. A rule that it cannot say (a continuous value above an ordinal one) is left out."""
    made = cs.ConfigurationSpace(name=space.id, seed=seed)
    made.add([_dimension(dimension) for dimension in space.hyperparameters])
    for dimension in space.hyperparameters:
        conditions = [
            cs.InCondition(made[dimension.name], made[parent], [encode(space[parent], value) for value in values])
            for parent, values in dimension.when.items()
        ]
        if conditions:
            made.add(conditions[0] if len(conditions) == 1 else cs.AndConjunction(*conditions))
    for rule in space.forbidden:
        made.add(_clauses(space, made, rule))
    return made


def encode(dimension: Hyperparameter, value: Value) -> Any:
    """A value as ConfigSpace has it."""
    if isinstance(dimension, Ordinal):
        return find_value(value, dimension.choices)
    if isinstance(dimension, Int) and dimension.step > 1:
        assert isinstance(value, int)
        return (value - dimension.low) // dimension.step
    return written(value) if isinstance(dimension, Categorical) else value


def decode(space: SearchSpace, values: Any) -> Configuration:
    """ConfigSpace's values, by name, as a configuration: plain Python, in the space's order."""
    return {
        dimension.name: _decode(dimension, values[dimension.name])
        for dimension in space.hyperparameters
        if dimension.name in values
    }


def to_values(space: SearchSpace, configuration: Configuration) -> dict[str, Any]:
    """A configuration as ConfigSpace's values, by name."""
    return {name: encode(space[name], value) for name, value in configuration.items()}


def _decode(dimension: Hyperparameter, value: Any) -> Value:
    if isinstance(dimension, Ordinal):
        return dimension.choices[int(value)]
    if isinstance(dimension, Int):
        return dimension.low + int(value) * dimension.step if dimension.step > 1 else dimension.check(int(value))
    return dimension.check(json.loads(str(value)) if isinstance(dimension, Categorical) else float(value))


def _dimension(dimension: Hyperparameter) -> Any:
    default = encode(dimension, dimension.default)
    if isinstance(dimension, Float):
        return cs.Float(dimension.name, (dimension.low, dimension.high), default=default, log=dimension.log)
    if isinstance(dimension, Int) and dimension.step == 1:
        return cs.Integer(dimension.name, (dimension.low, dimension.high), default=default, log=dimension.log)
    if isinstance(dimension, Int | Ordinal):
        return cs.Integer(dimension.name, (0, dimension.size - 1), default=default)
    assert isinstance(dimension, Categorical)
    return cs.Categorical(dimension.name, [written(choice) for choice in dimension.choices], default=default)


def _clauses(space: SearchSpace, made: cs.ConfigurationSpace, rule: Forbidden | ForbiddenAbove) -> list[Any]:
    if isinstance(rule, Forbidden):
        return [_together(space, made, rule.values)]
    lower, upper = space[rule.lower], space[rule.upper]
    if all(isinstance(one, Float) or (isinstance(one, Int) and one.step == 1) for one in (lower, upper)):
        return [cs.ForbiddenGreaterThanRelation(made[lower.name], made[upper.name])]
    if lower.size is None or upper.size is None or lower.size * upper.size > _LISTED:
        return []
    above = {
        low: tuple(high for high in upper.values if rule.forbids({lower.name: low, upper.name: high}))
        for low in lower.values
    }
    return [_together(space, made, {lower.name: (low,), upper.name: highs}) for low, highs in above.items() if highs]


def _together(space: SearchSpace, made: cs.ConfigurationSpace, values: Any) -> Any:
    clauses = [
        cs.ForbiddenInClause(made[name], [encode(space[name], value) for value in found])
        for name, found in values.items()
    ]
    return clauses[0] if len(clauses) == 1 else cs.ForbiddenAndConjunction(*clauses)
