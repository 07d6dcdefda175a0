"""Ways to say a thing, and the voice that chooses among them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random


@dataclass(frozen=True)
class Phrasing:
    """One way to say a thing.

    Args:
        text: with the operands' names in braces.
        held_out: no scripted agent knows it, and nothing is trained on it.
    """

    text: str
    held_out: bool = False


def phrasings(*known: str, held_out: tuple[str, ...]) -> tuple[Phrasing, ...]:
    """All ways to say a thing, with those that are held out: about a third."""
    return tuple(Phrasing(text) for text in known) + tuple(Phrasing(text, held_out=True) for text in held_out)


@dataclass(frozen=True)
class Voice:
    """Chooses a phrasing for whatever is said; a whole task is said either in known phrasings or in held-out ones."""

    random: Random
    held_out: bool

    def choose(self, ways: Sequence[Phrasing]) -> str:
        """The text of one of the ways that this voice may use."""
        return self.random.choice([way.text for way in ways if way.held_out == self.held_out])
