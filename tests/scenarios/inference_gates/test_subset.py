"""The subset is fixed by its seed alone, and has the categories' shares."""

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infraray.errors import InfrarayError
from infraray.scenarios.inference.quality.question import Question
from infraray.scenarios.inference.quality.subset import stratified_subset

SIZES = {"law": 1101, "math": 1351, "physics": 1299, "other": 924, "history": 381}
"""Some of MMLU-Pro's own."""


def questions(sizes):
    number = iter(range(100_000))
    return [
        Question(next(number), "?", ("1", "2"), "A", category) for category, size in sizes.items() for _ in range(size)
    ]


def test_equal_seeds_choose_equally_whatever_the_order_and_others_do_not():
    whole = questions(SIZES)
    chosen = stratified_subset(whole, 500, 1337)
    random.Random(0).shuffle(whole)
    assert stratified_subset(whole, 500, 1337) == chosen
    other = {question.question_id for question in stratified_subset(whole, 500, 428)}
    assert len(other & {question.question_id for question in chosen}) < 100


def test_the_choice_never_changes():
    """What was scored yesterday is asked again tomorrow."""
    chosen = stratified_subset(questions(SIZES), 500, 1337)
    assert [question.question_id for question in chosen[:5]] == [7, 27, 30, 33, 37]


@given(
    st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 40), min_size=1),
    st.floats(0.01, 1),
    st.integers(0, 2**32),
)
def test_every_category_has_its_share_to_less_than_one(sizes, share, seed):
    whole = questions(sizes)
    size = max(1, int(share * len(whole)))
    chosen = stratified_subset(whole, size, seed)
    assert len({question.question_id for question in chosen}) == size
    counts = Counter(question.category for question in chosen)
    for category, available in sizes.items():
        assert abs(counts[category] - size * available / len(whole)) < 1
        assert counts[category] <= available


@pytest.mark.parametrize("size", [0, 6])
def test_more_than_there_are_is_refused(size):
    with pytest.raises(InfrarayError, match=f"{size} questions were asked for; there are 5"):
        stratified_subset(questions({"math": 5}), size, 0)
