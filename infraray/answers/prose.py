"""Candidates that prose names, and whether it is for them.

One pass over the text: mentions, and what turns, hedges or ends a statement around them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import NamedTuple


class Stance(Enum):
    """What a text says of a candidate that it mentions."""

    FOR = "for"
    AGAINST = "against"
    UNCLEAR = "unclear"
    """Hedged, or beside a negation whose reach cannot be told."""
    ASKED = "asked"


class Mention(NamedTuple):
    """A candidate in a text.

    Args:
        number: the digits after a name, None for a word.
        word: the word, in lower case, None for a number.
        stance: what the text says of it.
    """

    number: str | None
    word: str | None
    stance: Stance


def mentions(text: str, names: Sequence[str], words: Sequence[str]) -> Iterator[Mention]:
    """The mentions of a number by one of ``names`` (``server 2``) and of ``words``, in their order.

    A number that is part of a range, a list or a fraction is yielded whole: ``2-3``, ``2, 5``, ``2 or 3``.
    """
    statement = _Statement()
    for token in _tokens(tuple(names), tuple(words)).finditer(text):
        kind = token.lastgroup
        if kind == "stop":
            yield from statement.end(asked="?" in token[0])
            statement = _Statement()
        elif kind == "turn":
            statement.turn()
        elif kind == "negation":
            if token[0].lower() in _TURNING:
                statement.turn()
            statement.negate()
        elif kind == "hedge":
            statement.hedged = True
        elif kind == "pause":
            statement.pause()
        else:
            statement.mention(token["number"] or token["lead"], token["word"])
    yield from statement.end(asked=False)


_TURNING = ("rather than", "instead of")


@dataclass
class _Mentioned:
    """A mention within a statement, and the negations around it."""

    number: str | None
    word: str | None
    negations: int
    is_behind_a_pause: bool
    is_followed_by_negation: bool = False


class _Statement:
    """A sentence as far as it was read; "but", "so" and their like turn to a new part of it."""

    def __init__(self) -> None:
        self.hedged = False
        self.mentioned: list[_Mentioned] = []
        self.turn()

    def turn(self) -> None:
        """Negations do not reach any further, neither forwards nor backwards."""
        self.open: list[_Mentioned] = []
        self.negations = 0
        self.paused = False

    def pause(self) -> None:
        """What follows is not said of the mentions before it."""
        self.open = []
        self.paused = self.negations > 0

    def negate(self) -> None:
        self.negations += 1
        self.paused = False
        for mentioned in self.open:
            mentioned.is_followed_by_negation = True
        self.open = []

    def mention(self, number: str | None, word: str | None) -> None:
        mentioned = _Mentioned(number, word.lower() if word is not None else None, self.negations, self.paused)
        self.mentioned.append(mentioned)
        self.open.append(mentioned)

    def end(self, asked: bool) -> Iterator[Mention]:
        for each in self.mentioned:
            unclear = self.hedged or each.is_followed_by_negation or each.negations > 1
            unclear |= each.negations > 0 and each.is_behind_a_pause
            stance = Stance.UNCLEAR if unclear else Stance.AGAINST if each.negations else Stance.FOR
            if asked:
                stance = Stance.ASKED
            yield Mention(each.number, each.word, stance)


@lru_cache(maxsize=256)
def _tokens(names: tuple[str, ...], words: tuple[str, ...]) -> re.Pattern[str]:
    # Gaps are bounded and digits are taken for good (++), so that no long answer makes the search quadratic.
    gap = r"[\s\"'*`_#]{0,8}"
    name = "|".join(re.escape(each).replace("_", r"[\s_-]?") for each in names) or r"(?!)"
    link = r"(?:[:=]|is|no\.?|number|index|id|->|=>)"
    number = r"[+-]?\d++(?:[.,]\d++)*+"
    between = r"(?:,?\s{0,2}\b(?:to|through|and|or|vs|versus)\b\.?|,|/|&|\||\+|-|\u2013|\u2014|\.\.+)"
    more = rf"(?:(?:\s{{1,3}}|\s{{0,3}}{between}\s{{0,3}})(?:(?:{name}){gap})?{number}){{0,4}}"
    word = "|".join(map(re.escape, words)) or r"(?!)"
    return re.compile(
        rf"\b(?:(?:{name})s?(?:-(?=\d)|(?:{gap}{link}){{0,2}}{gap})|(?:choose|pick|select|go with){gap})"
        rf"(?P<number>{number}{more})(?!\w)"
        # A line that begins with a number, and goes on with a reason or not at all.
        rf"|^[\s\"'*`_(>#-]{{0,6}}(?P<lead>{number}{more})[*`\"'_)]{{0,4}}"
        r"(?=[,;:.]?\s{0,4}$|[,;:.]?\s{1,4}(?:[(\u2013\u2014-]|because|since|as|for)|[,;:.]\s)"
        r"(?![ \t,;:.(\u2013\u2014-]{0,8}(?:or\b|and\b|[\"'*]{0,3}[+-]?\d))"
        rf"|\b(?P<word>{word})\b"
        r"|(?P<hedge>\b(?:if|unless|whether|either|maybe|perhaps|alternatively|unsure|undecided|not (?:sure|certain)|"
        r"(?:cannot|can['\u2019]?t|could not|couldn['\u2019]t) (?:decide|choose|tell|say))\b)"
        r"|(?P<negation>\b(?:not|no|never|none|nor|neither|cannot|without|nothing|hardly|avoid|refuse|decline|against|"
        r"dont|wont|cant|shouldnt|wouldnt|doesnt|isnt|rather than|instead of|except|exclude|excluding|skip|other than|"
        r"apart from|(?:anything|everything|any|all) but|worst|wrong|bad|too)\b|n['\u2019]t\b)"
        r"|(?P<turn>\b(?:but|because|since|so|as|hence|thus|therefore|then|while|whereas|although|though)\b)"
        r"|(?P<stop>[.!?](?=[\s\"'*)`]|\Z)|;|\n\s{0,80}\n)"
        r"|(?P<pause>[,:()\u2014\u2013\n]|\s-\s)",
        re.IGNORECASE | re.MULTILINE,
    )
