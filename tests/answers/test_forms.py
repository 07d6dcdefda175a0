"""A scenario has the whole reader with a line that says what its actions are, or with none."""

import json

import numpy as np
import pytest
from gymnasium import spaces
from hypothesis import given
from hypothesis import strategies as st

from infraray.answers import Choice, Number, Option, Record, Text, Whole, form_of, read_answer
from infraray.environment import Environment
from infraray.errors import InfrarayError, InvalidAction
from tests.core.toy import Lamp

FORM = Record((Option("region", ("north", "South")), Whole("replicas", 10), Number("rate", 0.0, 2.0), Text("why", 20)))


@st.composite
def records(draw):
    return {
        "region": draw(st.integers(0, 1)),
        "replicas": draw(st.integers(0, 9)),
        "rate": draw(st.floats(0, 2)),
        "why": draw(st.text(min_size=1, max_size=20).filter(str.strip)),
    }


@given(records(), records())
def test_record_is_read_back_among_other_keys_and_contradictions_are_refused(action, other):
    said = json.loads(FORM.say(action))
    for answer in (said, {"note": FORM.say(other), **said, "others": [json.loads(FORM.say(other))]}, {"action": said}):
        assert read_answer(json.dumps(answer), FORM) == action
        assert read_answer(f"Answer: {json.dumps(answer)}\n\nThat is why.", FORM) == action
    if action != other:
        with pytest.raises(InvalidAction, match="two different things"):
            read_answer(f"{FORM.say(action)}\n{FORM.say(other)}", FORM)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"region": "nort"}, "no region 'nort'; did you mean north"),
        ({"region": 0}, "no region '0'"),
        ({"replicas": 10}, "replicas 10 is not a whole number from 0 to 9"),
        ({"replicas": 1.5}, "replicas 1.5 is not"),
        ({"replicas": True}, "replicas True is not"),
        ({"rate": "fast"}, "rate 'fast' is not a number from 0 to 2"),
        ({"rate": float("nan")}, "rate nan is not"),
        ({"why": " "}, "the why is not a text"),
        ({"why": "x" * 21}, "the why has 21 characters"),
        ({"why": None}, "no why found"),
    ],
)
def test_record_names_the_field_that_is_wrong(change, reason):
    said = {"region": "north", "replicas": "2", "rate": "0.5", "why": "load", **change}
    with pytest.raises(InvalidAction, match=reason):
        read_answer(json.dumps(said), FORM)


def test_record_is_not_guessed_from_prose():
    with pytest.raises(InvalidAction, match="answer with JSON such as"):
        read_answer("north, 2 replicas, rate 0.5, why not", FORM)


def test_record_of_one_field_is_read_bare():
    form = Record((Number("rate", 0.0, 2.0),))
    for answer in ("0.5", "**0.5**", '{"rate": 0.5}', "Answer: 0.5", "<answer>0.5</answer>"):
        assert read_answer(answer, form) == {"rate": 0.5}
    with pytest.raises(InvalidAction):
        read_answer("3.5", form)


def test_action_spaces_suggest_their_forms():
    assert form_of(spaces.Discrete(4)) == Choice("", 4)
    space = spaces.Dict({"server": spaces.Discrete(3), "rate": spaces.Box(0.0, 1.0, ()), "why": spaces.Text(9)})
    form = form_of(space)
    space.seed(1)
    for _ in range(50):
        action = {**space.sample()}
        action["why"] = action["why"] or "x"
        read = read_answer(form.say(action), form)
        assert read["server"] == action["server"] and np.isclose(read["rate"], action["rate"])
        assert read["why"] == action["why"]
    assert form_of(spaces.MultiBinary(3)) is None


class Undeclared(Lamp):
    """Says nothing of its actions."""

    answer_form = Environment.answer_form


class Bits(Undeclared):
    """Actions without obvious words."""

    def make_action_space(self):
        return spaces.MultiBinary(3)


def test_scenario_that_declares_nothing_reads_numbers():
    lamp = Undeclared()
    lamp.reset(seed=1)
    assert lamp.say_action(2) == "2"
    for answer in ("2", "**2**", '{"action": 2}', "Answer: 2", "Action 1: answer[2]", "Thought.\nThe answer is 2."):
        assert lamp.parse_action(answer) == 2
    with pytest.raises(InfrarayError, match=r"say what they are in answer_form\(\)"):
        Bits().parse_action("101")
