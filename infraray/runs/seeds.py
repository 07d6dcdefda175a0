"""The seeds that a run plays: a count, a range or a list."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator

from infraray.seeds import SeedRange


def _read_seeds(value: Any) -> SeedRange | tuple[int, ...]:
    """Reads ``20`` as 0 to 19, ``"100:120"`` as 100 to 119, and a list as it is."""
    if isinstance(value, SeedRange):
        return value
    if isinstance(value, list | tuple):
        if not value or not all(_is_seed(seed) for seed in value):
            raise ValueError("must hold at least one seed, each a whole number from 0 to 2**62 - 1")
        if len(set(value)) != len(value):
            raise ValueError("must hold each seed once; 'repetitions' plays a task more often")
        return tuple(value)
    match = _SEED_RANGE.fullmatch(str(value)) if not isinstance(value, bool) else None
    if match is None:
        raise ValueError("must be a count such as 20, a range such as '100:120', or a list")
    found = SeedRange(int(match["start"] or 0), int(match["stop"]))
    if not _is_seed(found.stop) or found.start >= found.stop:
        raise ValueError("must hold at least one seed, each from 0 to 2**62 - 1")
    return found


def _is_seed(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**62


def _write_seeds(seeds: SeedRange | tuple[int, ...]) -> str | list[int]:
    return f"{seeds.start}:{seeds.stop}" if isinstance(seeds, SeedRange) else list(seeds)


_SEED_RANGE = re.compile(r"((?P<start>\d{1,19}):)?(?P<stop>\d{1,19})")
Seeds = Annotated[SeedRange | tuple[int, ...], PlainValidator(_read_seeds), PlainSerializer(_write_seeds)]
