"""Answers are found on three levels, as InferenceBench's appendix C.1 has them."""

import pytest

from infraray.scenarios.inference.quality.extraction import Extraction, extract_answer


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("The answer is (C).", "C"),
        ("so the answer is C", "C"),
        ("the answer is: D.", "D"),
        ("Therefore, the answer is **(E)**.", "E"),
        ("**Answer:** F", "F"),
        ("**Answer**: (G)", "G"),
        ("ANSWER: H", "H"),
        (r"The answer is $\boxed{I}$ by symmetry", "I"),
        (r"The answer is \boxed{J}", "J"),
        ("A and B are wrong. The answer is (D).", "D"),
        ("The answer is (A).\n\nQuestion: What next?\nThe answer is (B).", "A"),
    ],
)
def test_a_stated_answer_is_found_in_all_its_spellings(text, letter):
    found = extract_answer(text)
    assert found is not None and found.letter == letter
    # A formula's marks are passed over by the looser levels.
    assert found.level == ("isolated" if "$" in text else "stated")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("(B)", Extraction("B", "isolated")),
        ("It must be B, and B alone.", Extraction("B", "isolated")),
        ("Neither A nor C: D", Extraction("D", "last")),
        ("I think B", Extraction("B", "last")),
        ("HBO shows", Extraction("B", "last")),
    ],
)
def test_looser_levels_follow_in_order(text, found):
    assert extract_answer(text) == found


@pytest.mark.parametrize("text", ["", "no idea", "the answer is a matter of taste", "The answer is (K)?", "42"])
def test_a_text_without_a_letter_is_no_answer(text):
    assert extract_answer(text) is None
