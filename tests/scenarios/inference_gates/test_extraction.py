"""Answers are found on three levels, as InferenceBench's appendix C.1 has them."""

import itertools
import re

import pytest

from infraray.scenarios.inference.quality.extraction import Extraction, extract_answer
from infraray.testing.answers import THOUGHT_MARKS


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


LETTERS = "ABCDEFGHIJ"
STATEMENTS = ("the answer is {}", "The answer is: {}", "Answer: {}", "answer: {}", "**Answer:** {}", "ANSWER IS {}")
DECORATIONS = (
    "{}",
    "({})",
    "**{}**",
    "**({})**",
    "`{}`",
    "[{}]",
    "_{}_",
    '"{}"',
    r"\boxed{{{}}}",
)
AFTER = ("", ".", ",", "\n", "\n\nQuestion: why?\nAnswer: (A)")


@pytest.mark.parametrize("case", [str.upper, str.lower])
@pytest.mark.parametrize(("statement", "decoration"), list(itertools.product(STATEMENTS, DECORATIONS)))
def test_a_stated_letter_is_read_in_any_case_and_decoration(case, statement, decoration):
    for letter, before, after in itertools.product(LETTERS, ("", "I think a bit, (c) is out.\n"), AFTER):
        text = f"{before}{statement.format(decoration.format(case(letter)))}{after}"
        assert extract_answer(text) == Extraction(letter, "stated"), text


@pytest.mark.parametrize("case", [str.upper, str.lower])
@pytest.mark.parametrize("statement", STATEMENTS)
def test_a_letter_in_a_formula_is_read_in_any_case(case, statement):
    for letter in LETTERS:
        assert extract_answer(statement.format(rf"$\boxed{{\text{{{case(letter)}}}}}$")).letter == letter


@pytest.mark.parametrize("case", [str.upper, str.lower])
@pytest.mark.parametrize(
    "decoration", [*DECORATIONS, "{})", "{}.", "{}) the larger one", "Option {}.", "<answer>{}</answer>"]
)
def test_a_letter_that_stands_alone_is_read_in_any_case_and_decoration(case, decoration):
    for letter in LETTERS:
        found = extract_answer(decoration.format(case(letter)))
        assert found is not None and found.letter == letter, decoration
    if case is str.lower and decoration in DECORATIONS[1:]:
        assert extract_answer(f"I think it must be {decoration.format('h')} after all").letter == "H"


def official(text):
    """MMLU-Pro's own rule: three patterns, the first that is found."""
    for pattern in (r"answer is \(?([A-J])\)?", r".*[aA]nswer:\s*([A-J])", r"(?s)\b([A-J])\b(?!.*\b[A-J]\b)"):
        found = re.search(pattern, text)
        if found:
            return found[1]
    return None


def test_what_the_official_rule_reads_is_read_alike():
    pieces = (
        "The answer is {}.",
        "the answer is ({}), surely",
        "Answer: {}",
        "{}",
        "not {},",
        "It is ({}).",
        "no idea.",
    )
    for size in (1, 2, 3):
        for chosen in itertools.product(pieces, repeat=size):
            text = "\n".join(piece.format(letter) for piece, letter in zip(chosen, "BDG", strict=False))
            found = extract_answer(text)
            assert (found and found.letter) == official(text), text


@pytest.mark.parametrize(
    "text",
    [
        *("", "no idea", "the answer is a matter of taste", "The answer is (K)?", "42", "the answer is e.g. 7"),
        *("the answer is i.e. none", "the answer is f(a) = 3", "the answer is e^2", "it opens at a quarter to six"),
    ],
)
def test_a_text_without_a_letter_is_no_answer(text):
    assert extract_answer(text) is None


@pytest.mark.parametrize(("begin", "end"), THOUGHT_MARKS)
def test_letters_in_thoughts_are_no_answer(begin, end):
    assert extract_answer(f"{begin}The answer is (A).{end}\nThe answer is (C).") == Extraction("C", "stated")
    assert extract_answer(f"{begin}The answer is (A).") is None
