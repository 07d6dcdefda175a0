"""Candidates that prose names, and whether it speaks for them.

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
    """What a text says about a candidate that it mentions."""

    FOR = "for"
    AGAINST = "against"
    UNCLEAR = "unclear"
    """Hedged, or near a negation whose reach is unclear."""
    ASKED = "asked"


class Mention(NamedTuple):
    """A candidate in a text.

    Args:
        number: the digits after a name; None for a word.
        word: the word in lower case; None for a number.
        stance: what the text says about it.
    """

    number: str | None
    word: str | None
    stance: Stance


def mentions(text: str, names: Sequence[str], words: Sequence[str], unwanted: Sequence[str] = ()) -> Iterator[Mention]:
    """Mentions, in order, of a number after one of ``names`` (``server 2``) and of ``words``.

    A number that is part of a range, a list or a fraction is yielded whole: ``2-3``, ``2, 5``, ``2 or 3``.
    A statement about a candidate ("server 2 is busy") is not a choice unless it praises it ("server 2 is idle").

    Args:
        text: the prose.
        names: the words that may precede a number.
        words: the words that stand for a number.
        unwanted: verbs that say that what follows is not chosen.
    """
    statement = _Statement()
    for token in _tokens(tuple(names), tuple(words), tuple(unwanted)).finditer(text):
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
        elif kind == "unwanted":
            statement.negations += 1
        elif kind == "hedge":
            statement.hedged = True
        elif kind == "doubt":
            statement.doubt()
        elif kind == "praise":
            statement.praise()
        elif kind == "pause":
            statement.pause()
        else:
            statement.mention(token)
    yield from statement.end(asked=False)


_TURNING = ("rather than", "instead of")


@dataclass
class _Mentioned:
    """A mention within a statement, and the negations around it."""

    number: str | None
    word: str | None
    negations: int
    is_behind_a_pause: bool
    is_doubted: bool
    is_described: bool
    is_followed_by_negation: bool = False


class _Statement:
    """A sentence as far as it has been read; "but", "so" and the like begin a new part of it."""

    def __init__(self) -> None:
        self.hedged = False
        self.mentioned: list[_Mentioned] = []
        self.turn()

    def turn(self) -> None:
        """Negations reach no further, neither forwards nor backwards."""
        self.open: list[_Mentioned] = []
        self.negations = 0
        self.paused = False
        self.doubted = False

    def pause(self) -> None:
        """What follows is not about the mentions before it."""
        self.open = []
        self.paused = self.negations > 0
        self.doubted = False

    def negate(self) -> None:
        self.negations += 1
        self.paused = False
        for mentioned in self.open:
            mentioned.is_followed_by_negation = True
        self.open = []

    def doubt(self) -> None:
        """Nothing in this part is chosen just by being mentioned: "at most", "reluctant to"."""
        self.doubted = True
        for mentioned in self.open:
            mentioned.is_doubted = True

    def praise(self) -> None:
        """What was said about a candidate is the reason for choosing it."""
        for mentioned in self.open:
            mentioned.is_described = False

    def mention(self, token: re.Match[str]) -> None:
        number, word = token["number"] or token["lead"], token["word"]
        described = any(token[group] is not None for group in ("several", "noun", "verb"))
        mentioned = _Mentioned(
            number, word.lower() if word else None, self.negations, self.paused, self.doubted, described
        )
        self.mentioned.append(mentioned)
        self.open.append(mentioned)

    def end(self, asked: bool) -> Iterator[Mention]:
        for each in self.mentioned:
            unclear = self.hedged or each.is_followed_by_negation or each.negations > 1
            unclear |= each.is_doubted or each.is_described or (each.negations > 0 and each.is_behind_a_pause)
            stance = Stance.UNCLEAR if unclear else Stance.AGAINST if each.negations else Stance.FOR
            if asked:
                stance = Stance.ASKED
            yield Mention(each.number, each.word, stance)


# May follow a chosen number; any other word says something about it ("server 2 fails", "quality 3 Mbps").
_GOES_ON = (
    r"(?:for|because|since|as|so|due|given|with|to|on|in|at|by|and|but|then|while|whereas|which|that|this|it|now|here|"
    r"next|again|instead|please|immediately|today|rather|over|not|no|if|unless|i|we)"
)
_PRAISE = (
    r"best|better|good|great|right|correct|fine|ok|okay|wise|sensible|reasonable|suitable|appropriate|worth|optimal|"
    r"ideal|perfect|safe|safest|sustainable|preferred|preferable|recommended|fast|faster|fastest|quick|quickest|"
    r"soonest|earliest|sooner|earlier|idle|free|empty|available|shortest|shorter|smallest|fewest|minimal|minimum|lightest|"
    r"lowest(?! (?:speed|rate|capacity|throughput))|least (?:loaded|busy|work|used|occupied|recently|frequently|"
    r"valuable|wait\w*|time|jobs|queue\w*)|minimi[sz]es?|maximi[sz]es?|wins?|gets?|receives?|"
    r"(?:take|handle|serve)s? (?:it|this|the)|(?:has|with) (?:no|zero|0) (?:jobs?|queue|work|load|backlog|"
    r"wait\w*|requests?)|choice|pick|winner|answer|chosen|selected|it is"
)
_DESCRIPTION = r"no|not|busy|full|slow|down|bad|reject\w*|overload\w*|fail\w*|unavailable|unhealthy"
"""What makes ``server 2: busy`` a remark about it."""

_FOREIGN_NEGATION = (
    r"nicht|keine?[nmrs]?|weder|ohne|pas|jamais|sans|nunca|tampoco|ninguno|ni|não|nao|niet|geen|ikke|inte|не|нет|ни"
)
_DOUBT = (
    r"(?:at (?:most|least)|below|above|under|up to|than|around|about|near|nearly|beyond|within|between|from|"
    r"considered) (?=\w+ ?\d)|or (?:lower|less|higher|more|above|below|another|so)|only|later|nothing|none|little|"
    r"few|rarely|hardly|barely|scarcely|unlikely|reluctant|hesita\w+|doubt\w*|pointless|useless|unwise|foolish|silly|mistake|"
    r"wasteful|waste|unnecessary|harmful|fail(?:s|ed)?|slowest|slow|busy|busiest|overloaded|longest|down|full|"
    r"wait before|refrain\w*"
)


@lru_cache(maxsize=256)
def _tokens(names: tuple[str, ...], words: tuple[str, ...], unwanted: tuple[str, ...]) -> re.Pattern[str]:
    # Gaps are bounded and digits are possessive (++), so that no long answer makes the search quadratic.
    gap = r"[\s\"'*`_#]{0,8}"
    name = "|".join(re.escape(each).replace("_", r"[\s_-]?") for each in names) or r"(?!)"
    link = r"(?:[:=]|is|to|no\.?|number|index|id|->|=>)"
    # An atomic group, not a possessive one: that of Python 3.11.2 keeps what the last, failed round of it has read.
    number = r"[+-]?\d++(?>(?:[.,]\d++)*)"
    between = (
        r"(?:,?\s{0,2}\(?(?:\b(?:to|through|and|or|vs|versus|then|else|otherwise|und|oder|bis|et|ou|o|y|e|и|или)\b\.?|"
        r"[和或与])|[,/&|+~、\uff0c\uff1b\uff5e→⇒\u2013\u2014-]|[-=]>|;(?=\d)|\.\.+)"
    )
    more = rf"(?:(?:\s{{1,3}}|\s{{0,3}}{between}\s{{0,3}})(?:(?:{name}){gap})?{number}){{0,4}}"
    word = "|".join(map(re.escape, words)) or r"(?!)"
    goes_on = (
        rf"(?P<noun>(?=['\u2019]s\b|\+|\s{{1,3}}(?!{_GOES_ON}\b)[^\W\d_]|"
        rf"\s?:\s{{0,3}}(?:\d|(?:{_DESCRIPTION})\b)))?"
    )
    return re.compile(
        rf"\b(?:(?:{name})(?P<several>s(?!\s{{0,8}}\d))?s?(?:-(?=\d)|(?:{gap}{link}){{0,2}}{gap})|"
        rf"(?:choose|pick|select|go with){gap})(?P<number>{number}{more})(?!\w|[%^]){goes_on}"
        # A line that begins with a number, and goes on with a reason or not at all.
        rf"|^(?:[\s\"'*`_(#]|[>-]\s){{0,6}}(?P<lead>{number}{more})[*`\"'_)]{{0,4}}"
        r"(?=[,;:.]?\s{0,4}$|[,;:.]?\s{1,4}(?:[(\u2013\u2014-]|because|since|as|for)|[,;:.]\s)"
        r"(?![ \t,;:.(\u2013\u2014-]{0,8}(?:or\b|and\b|[\"'*]{0,3}[+-]?\d))"
        rf"|(?<!non-)\b(?P<word>{word})\b(?P<verb>(?=\s{{1,3}}(?:that|this is|it is|is|are|was|were|would|will|"
        r"should|has|had|can|could|may|might|seems?|looks?|makes?|needs?|costs?|means?)\b))?"
        r"|(?P<hedge>\b(?:if|unless|whether|either|maybe|perhaps|alternatively|unsure|undecided|not (?:sure|certain)|"
        r"(?:cannot|can['\u2019]?t|could not|couldn['\u2019]t) (?:decide|choose|tell|say))\b)"
        rf"|(?P<unwanted>\b(?:{'|'.join(map(re.escape, unwanted)) or '(?!)'})\b)"
        # "No, do not": the first is not a second negation.
        r"|(?P<pause>[,:()\u2014\u2013\n]|\s-\s|\bno,\s(?=(?:\w+\s)?"
        r"(?:do not|(?:would|will|should|must|can)\s?not|never|\w+n['\u2019]t)\b))"
        r"|(?P<negation>\b(?:not|no|never|nor|neither|cannot|without|avoid|refuse|decline|against|"
        r"dont|wont|cant|shouldnt|wouldnt|doesnt|isnt|rather than|instead of|except|exclude|excluding|skip|other than|"
        r"apart from|(?:anything|everything|any|all) but|worst|wrong|bad|too|away from|out of|"
        rf"(?:rul|reject|discard|eliminat|ignor)(?:e|es|ed|ing|s)?|forget|stop|{_FOREIGN_NEGATION})\b|n['\u2019]t\b|"
        r"[不别勿]|[\u2717\u2718\u274c\u2716\U0001f6ab\u26d4]|~~)"
        rf"|\b(?P<doubt>{_DOUBT})\b|\b(?P<praise>{_PRAISE})\b"
        r"|(?P<turn>\b(?:but|because|since|so|as|hence|thus|therefore|then|while|whereas|although|though|which)\b)"
        r"|(?P<stop>[.!?](?=[\s\"'*)`]|\Z)|;|\n\s{0,80}\n)",
        re.IGNORECASE | re.MULTILINE,
    )
