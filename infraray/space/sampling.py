"""Points of a search space: drawn at random, counted, or all of them."""

from __future__ import annotations

from collections.abc import Container, Iterator

import numpy as np

from infraray.errors import InfrarayError
from infraray.space.search_space import Forbidden, SearchSpace
from infraray.space.values import Configuration, Value

_ATTEMPTS = 10_000
_BEFORE_LISTING = 1000


def sample(space: SearchSpace, random: np.random.Generator) -> Configuration:
    """Draws a configuration: each active hyperparameter uniformly, repeating draws that are forbidden.

    Raises:
        InfrarayError: ten thousand draws in a row are forbidden.
    """
    for _ in range(_ATTEMPTS):
        drawn: dict[str, Value] = {}
        for dimension in space.hyperparameters:
            # Drawn even for inactive ones, so that a draw takes the same random numbers everywhere.
            value = dimension.at(random.random())
            if space.is_active(dimension.name, drawn):
                drawn[dimension.name] = value
        if space.broken_rule(drawn) is None:
            return drawn
    raise InfrarayError(f"search space {space.id}: {_ATTEMPTS} draws in a row are forbidden; loosen the rules")


def redraw(space: SearchSpace, configuration: Configuration, name: str, random: np.random.Generator) -> Configuration:
    """Redraws one hyperparameter and those that it newly activates; the others keep their values.

    If it is not active in the configuration, or ten thousand draws fail, nothing changes.
    """
    for _ in range(_ATTEMPTS if name in configuration else 0):
        drawn: dict[str, Value] = {}
        for dimension in space.hyperparameters:
            if space.is_active(dimension.name, drawn):
                kept = dimension.name != name and dimension.name in configuration
                drawn[dimension.name] = configuration[dimension.name] if kept else dimension.at(random.random())
        if space.broken_rule(drawn) is None:
            return drawn
    return configuration


def sample_untried(space: SearchSpace, random: np.random.Generator, tried: Container[str]) -> Configuration | None:
    """Draws a configuration whose key has not been tried; None if none is left.

    A finite space is enumerated once draws keep hitting tried ones; a continuous one counts as
    exhausted after `_ATTEMPTS` draws.
    """
    finite = all(dimension.size is not None for dimension in space.hyperparameters)
    for _ in range(_BEFORE_LISTING if finite else _ATTEMPTS):
        drawn = sample(space, random)
        if space.key(drawn) not in tried:
            return drawn
    if not finite:
        return None
    left = [one for one in configurations(space) if space.key(one) not in tried]
    return left[int(random.integers(len(left)))] if left else None


def size(space: SearchSpace) -> int | None:
    """The number of configurations, without forbidden ones; None if any dimension is continuous.

    Dimensions on which nothing depends are multiplied; the others are tried value by value.
    """
    decisive = {parent for dimension in space.hyperparameters for parent in dimension.when}
    for rule in space.forbidden:
        decisive |= set(rule.values) if isinstance(rule, Forbidden) else {rule.lower, rule.upper}
    dimensions = space.hyperparameters

    def count(number: int, chosen: dict[str, Value]) -> int | None:
        if number == len(dimensions):
            return 0 if space.broken_rule(chosen) else 1
        dimension = dimensions[number]
        if not space.is_active(dimension.name, chosen):
            return count(number + 1, chosen)
        if dimension.size is None:
            return None
        if dimension.name not in decisive:
            rest = count(number + 1, chosen)
            return None if rest is None else dimension.size * rest
        total = 0
        for value in dimension.values:
            part = count(number + 1, {**chosen, dimension.name: value})
            if part is None:
                return None
            total += part
        return total

    return count(0, {})


def configurations(space: SearchSpace) -> Iterator[Configuration]:
    """Every configuration of a finite space, the last dimension varying fastest."""
    if any(dimension.size is None for dimension in space.hyperparameters):
        raise InfrarayError(f"search space {space.id}: is continuous; its configurations cannot be listed")

    def extend(number: int, chosen: dict[str, Value]) -> Iterator[Configuration]:
        if number == len(space.hyperparameters):
            if space.broken_rule(chosen) is None:
                yield chosen
            return
        dimension = space.hyperparameters[number]
        if not space.is_active(dimension.name, chosen):
            yield from extend(number + 1, chosen)
            return
        for value in dimension.values:
            yield from extend(number + 1, {**chosen, dimension.name: value})

    return extend(0, {})
