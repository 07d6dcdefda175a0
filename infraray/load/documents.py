"""Long documents in natural-looking English, made up from a seed.

Prompts of random token ids are a poor stand-in for users: they bypass the tokenizer's merges, and nothing in them
recurs (InferenceBench, appendix A.4). Here each document has a subject, whose words and coined names recur with the
frequencies of natural text (Zipf, 1949), a style, and a structure of headings, paragraphs, dialogue, lists, tables and
program text. No two begin alike, so a prefix cache finds no more in common than with real users.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from infraray.load.vocabulary import (
    ADJECTIVES,
    ADVERBS,
    CONNECTIVES,
    DETERMINERS,
    NOUNS,
    PREPOSITIONS,
    SYLLABLES,
    VERBS,
)

VERSION = 1
"""Raised whenever equal seeds no longer give equal documents."""

_DRAWN_AT_ONCE = 1024


class _Words:
    """Draws words with Zipf frequencies, ranked by their order."""

    def __init__(self, random: np.random.Generator, words: Sequence[str]) -> None:
        self._random = random
        self._words = words
        weights = 1 / (np.arange(len(words)) + 2.7)  # Mandelbrot's shift: the very first words are less frequent.
        self._cumulative = np.cumsum(weights / weights.sum())
        self._drawn: Iterator[int] = iter(())

    def __call__(self) -> str:
        index = next(self._drawn, None)
        if index is None:
            # NumPy draws a thousand in the time it takes to draw a few one by one.
            ranks = np.searchsorted(self._cumulative, self._random.random(_DRAWN_AT_ONCE))
            self._drawn = iter(np.minimum(ranks, len(self._words) - 1).tolist())
            index = next(self._drawn)
        return self._words[index]


class _Writer:
    """The subject and the style of one document."""

    def __init__(self, seed: Sequence[int]) -> None:
        self.random = np.random.default_rng(seed)
        self.chance = self._chances().__next__
        self.name = _Words(self.random, [self._coin_name() for _ in range(24)])
        self.noun, self.verb, self.adjective = (self._subject(words, 0.35) for words in (NOUNS, VERBS, ADJECTIVES))
        self.adverb, self.preposition = _Words(self.random, ADVERBS), _Words(self.random, PREPOSITIONS)
        self.connective, self.determiner = _Words(self.random, CONNECTIVES), _Words(self.random, DETERMINERS)
        self.clauses = 1 + 2 * self.chance()
        self.sentences = 3 + int(6 * self.chance())
        self.year = 1700 + int(325 * self.chance())
        self.numbered = self.chance() < 0.5
        forms: list[tuple[float, Callable[[], str]]] = [
            (1.0, self.paragraph),
            (0.6 * self.chance(), self.dialogue),
            (0.3 * self.chance(), self.bullets),
            (0.25 * self.chance(), self.table),
            (0.2 * self.chance(), self.program),
        ]
        weights = np.array([weight for weight, _ in forms])
        self._forms = [form for _, form in forms]
        self._thresholds = np.cumsum(weights / weights.sum()).tolist()

    def _chances(self) -> Iterator[float]:
        """A stream of numbers from 0 to 1."""
        while True:
            yield from self.random.random(_DRAWN_AT_ONCE).tolist()

    def _subject(self, words: Sequence[str], kept: float) -> _Words:
        """The document's own ranking: common words stay common, and some of the others move to the front."""
        ranks = np.arange(len(words)) * self.random.exponential(1, len(words))
        order = np.argsort(ranks)[: max(30, int(kept * len(words)))]
        return _Words(self.random, [words[index] for index in order])

    def _coin_name(self) -> str:
        return "".join(self.random.choice(SYLLABLES, 2 + int(2 * self.chance()))).capitalize()

    def part(self) -> str:
        """One block of text."""
        drawn = self.chance()
        for form, threshold in zip(self._forms, self._thresholds, strict=True):
            if drawn < threshold:
                return form()
        return self.paragraph()

    def number(self) -> str:
        drawn = self.chance()
        if drawn < 0.3:
            return str(self.year + int(40 * self.chance()))
        if drawn < 0.6:
            return str(2 + int(97 * self.chance()))
        return f"{10 ** (4 * self.chance()):,.{int(3 * self.chance())}f}" + (" per cent" if drawn > 0.9 else "")

    def thing(self) -> str:
        """A noun phrase."""
        drawn = self.chance()
        if drawn < 0.12:
            return self.name()
        if drawn < 0.16:
            return f"{self.number()} {self.noun()}s"
        determiner, noun = self.determiner(), self.noun()
        words = f"{self.adjective()} {noun}" if drawn < 0.5 else noun
        if determiner == "a" and words[0] in "aeiou":
            determiner = "an"
        tail = f" {self.preposition()} {self.thing()}" if drawn > 0.85 else ""
        return f"{determiner} {words}{tail}"

    def clause(self) -> str:
        drawn = self.chance()
        verb = self.verb()
        if drawn < 0.3:
            action = f"{verb}s"
        elif drawn < 0.6:
            action = ("would ", "could ", "must ", "did not ", "will ")[int(5 * self.chance())] + verb
        else:
            action = verb + ("d" if verb.endswith("e") else "ed")
        adverb = f"{self.adverb()} " if self.chance() < 0.2 else ""
        target = f" {self.preposition()} {self.thing()}" if self.chance() < 0.35 else ""
        return f"{self.thing()} {adverb}{action} {self.thing()}{target}"

    def sentence(self) -> str:
        text = self.clause()
        while self.chance() * (1 + self.clauses) > 1:
            text += (", and ", " because ", ", while ", "; ", ", which is why ", " when ")[int(6 * self.chance())]
            text += self.clause()
            if self.chance() < 0.4:
                break
        if self.chance() < 0.2:
            text = f"{self.connective()}, {text}"
        return text[0].upper() + text[1:] + ("?" if self.chance() < 0.04 else ".")

    def title(self) -> str:
        drawn = self.chance()
        if drawn < 0.4:
            return f"{self.name()} and the {self.noun()} of {self.name()}"
        if drawn < 0.7:
            return f"On {self.adjective()} {self.noun()}s {self.preposition()} {self.name()}, {self.number()}"
        return f"{self.name()}: {self.thing()}"

    def paragraph(self) -> str:
        return " ".join(self.sentence() for _ in range(1 + int(self.sentences * 2 * self.chance())))

    def dialogue(self) -> str:
        speakers = self.name(), self.name()
        return "\n".join(
            f'"{self.sentence()}" said {speakers[turn % 2]}.' for turn in range(2 + int(5 * self.chance()))
        )

    def bullets(self) -> str:
        return "\n".join(f"- {self.sentence()}" for _ in range(3 + int(5 * self.chance())))

    def table(self) -> str:
        columns = [self.noun() for _ in range(2 + int(3 * self.chance()))]
        rows = [[self.name(), *(self.number() for _ in columns[1:])] for _ in range(3 + int(9 * self.chance()))]
        ruled = ["---"] * len(columns)
        return "\n".join("| " + " | ".join(row) + " |" for row in (columns, ruled, *rows))

    def program(self) -> str:
        function, argument, result = self.noun(), self.noun(), self.noun()
        lines = [
            f"def {self.verb()}_{function}({argument}, {self.noun()}={self.number().split()[0].replace(',', '')}):"
        ]
        for _ in range(2 + int(6 * self.chance())):
            name = self.noun()
            lines.append(f"    {name} = {argument}.{self.verb()}({result!r}) + {int(100 * self.chance())}")
            if self.chance() < 0.3:
                lines.append(f"    if {name} is None:\n        return {argument}[{function!r}]")
        return "\n".join([*lines, f"    return {result}"])


def write_document(seed: Sequence[int], words: int) -> str:
    """A document of at least ``words`` words, separated by blanks; equal seeds give equal beginnings.

    Args:
        seed: whole numbers of at least 0; each sequence gives a different document.
        words: the number of words needed.
    """
    writer = _Writer(seed)
    parts = [writer.title()]
    written, sections = 0, 0
    while written < words:
        if writer.chance() < 0.15:
            sections += 1
            parts.append((f"{sections}. " if writer.numbered else "## ") + writer.title())
        parts.append(writer.part())
        written += parts[-1].count(" ") + 1
    return "\n\n".join(parts)
