"""The samplers by their names."""

from __future__ import annotations

from infraray.curriculum.samplers.bandit import Bandit
from infraray.curriculum.samplers.sampler import Sampler
from infraray.errors import InfrarayError

BANDIT = "bandit"


def make_sampler(name: str) -> Sampler:
    """The sampler that a name means: ``bandit``, or one of the searchers of `infraray.tune`.

    Raises:
        UnknownName: there is none; the nearest names are told.
        InfrarayError: a package that it needs is not installed.
    """
    if name == BANDIT:
        return Bandit()
    from infraray.curriculum.samplers.searching import Searching
    from infraray.registry import unknown_name
    from infraray.tune.searchers import find_searcher, registered_searchers

    if name not in (known := registered_searchers()):
        raise unknown_name(f"sampler {name!r}", name, [BANDIT, *known])
    try:
        return Searching(find_searcher(name))
    except InfrarayError as error:
        raise InfrarayError(f"sampler {error}") from None
