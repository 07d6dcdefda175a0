"""A subset determined by a seed that preserves the shares of categories.

Each category gets its share of the places (largest remainders), filled by the questions with the smallest SHA-256 of
seed and id. The choice depends on nothing else, neither the order of files nor a random generator's version. A smaller
subset of the same seed asks, within a category,
questions that the larger one asks too.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from fractions import Fraction

from infraray.errors import InfrarayError
from infraray.scenarios.inference.quality.question import Question


def stratified_subset(questions: Sequence[Question], size: int, seed: int) -> tuple[Question, ...]:
    """Chooses ``size`` questions, ordered by their ids.

    Raises:
        InfrarayError: there are not that many.
    """
    if not 1 <= size <= len(questions):
        raise InfrarayError(f"quality: {size} questions were asked for; there are {len(questions)}")
    categories: dict[str, list[Question]] = defaultdict(list)
    for question in questions:
        categories[question.category].append(question)
    chosen: list[Question] = []
    for category, places in _places({name: len(found) for name, found in categories.items()}, size).items():
        chosen += sorted(categories[category], key=lambda question: _rank(seed, question))[:places]
    return tuple(sorted(chosen, key=lambda question: question.question_id))


def _places(sizes: dict[str, int], places: int) -> dict[str, int]:
    """Proportional places per category, the remainder to the largest fractions; never more than it has."""
    total = sum(sizes.values())
    shares = {name: Fraction(places * size, total) for name, size in sizes.items()}
    given = {name: int(share) for name, share in shares.items()}
    by_remainder = sorted(shares, key=lambda name: (given[name] - shares[name], name))
    for name in by_remainder[: places - sum(given.values())]:
        given[name] += 1
    return given


def _rank(seed: int, question: Question) -> bytes:
    return hashlib.sha256(f"{seed}:{question.question_id}".encode()).digest()
