"""Thoughts are told from what is said, in every family's spelling; they are never the answer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infraray.answers import Choice, read_answer, split_thoughts
from infraray.errors import InvalidAction
from infraray.testing.answers import THOUGHT_MARKS

words = st.text(alphabet="server 0123\n.,", max_size=80)


@given(words, st.sampled_from(THOUGHT_MARKS), st.sampled_from(["2", "server 2", "Answer: 2"]))
def test_what_was_thought_is_kept_apart(thought, marks, answer):
    begin, end = marks
    assert split_thoughts(f"{begin}{thought}{end}{answer}") == (answer, thought.strip())


@given(words, st.sampled_from([marks for marks in THOUGHT_MARKS if "<|channel|>" not in marks[0]]))
def test_marks_may_be_missing_on_either_side(thought, marks):
    begin, end = marks
    assert split_thoughts(f"{thought}{end}server 2") == ("server 2", thought.strip())
    assert split_thoughts(f"server 2{begin}{thought}") == ("server 2", thought.strip())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<think>a <think>b</think> c</think>2", "2"),
        ("<think>a</think>2<think>b</think>", "2"),
        ('<thinking type="deep">server 4</thinking>2', "2"),
        ("<|channel|>analysis<|message|>server 4<|end|><|start|>assistant<|channel|>final<|message|>2<|return|>", "2"),
        ("<|channel|>analysis<|message|>server 4", ""),
        ("analysisServer 4 is slow.assistantfinal2", "2"),
        ("<|START_THINKING|>server 4<|END_THINKING|><|START_RESPONSE|>2<|END_RESPONSE|>", "2"),
        ("2<|im_end|>", "2"),
        ("I think server 2", "I think server 2"),
    ],
)
def test_families(text, said):
    assert split_thoughts(text)[0] == said


def test_thoughts_alone_are_no_answer_and_the_reason_says_so():
    with pytest.raises(InvalidAction, match="holds thoughts alone"):
        read_answer("<think>server 2", Choice("server", 5))
