"""Choices are read from whatever a language model makes of them; nothing else is taken for one."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infraray.answers import Choice, parse_choice, read_answer
from infraray.errors import InvalidAction

NAMES = ("server", "server_index")
FORM = Choice("server", 5)
ADMIT = Choice("admit", 2, values={"admit": 1, "bypass": 0})
JOINS = (" then ", " else ", " und ", " oder ", " bis ", " ou ", " y ", " или ", "或", "和", " (or ")
"""Words and signs between two numbers."""
sizes = st.integers(1, 1000)


@st.composite
def choices(draw):
    size = draw(sizes)
    return draw(st.integers(0, size - 1)), size


@given(choices())
def test_bare_number_is_the_choice(choice):
    value, size = choice
    for text in (f"{value}", f" {value}\n", f"+{value}", f"0{value}", f"{value}.0"):
        assert parse_choice(text, NAMES, size) == value


@given(choices(), st.sampled_from(NAMES))
def test_json_is_the_choice_however_it_is_wrapped(choice, name):
    value, size = choice
    for text in (
        json.dumps({name: value}),
        json.dumps({name.upper(): float(value)}),
        json.dumps({"reason": "the least loaded", name: value}, indent=2),
        f"```json\n{json.dumps({name: value})}\n```",
        f"{{'{name}': {value}, 'reason': 'server 1001'}}",
        f'{{"{name}": "{value}",}}',
        f"{{{name}: {value}}}",
        json.dumps({"action": "send", name: value}),
        json.dumps({"action": {name: value}}),
        f"[{json.dumps({name: value})}]",
    ):
        assert parse_choice(text, NAMES, size) == value


@given(choices(), st.sampled_from(["server {}", "Server: {}.", "**server** = {}", "Action: {}", "server is {}!"]))
def test_choice_in_a_sentence_is_found(choice, sentence):
    value, size = choice
    assert parse_choice(f"I would say {sentence.format(value)}", NAMES, size) == value


@given(choices(), st.lists(st.integers(0, 999), max_size=5))
def test_prose_that_considers_others_is_no_choice(choice, considered):
    value, size = choice
    thoughts = " ".join(f"What about server {other}? Its load of 2.5 is high." for other in considered)
    text = f"{thoughts} So: server {value}"
    if set(considered) <= {value}:
        assert parse_choice(text, NAMES, size) == value
    else:
        with pytest.raises(InvalidAction):
            parse_choice(text, NAMES, size)
    assert parse_choice(f"{thoughts}\nAnswer: {value}", NAMES, size) == value


@given(sizes, st.one_of(st.integers(max_value=-1), st.integers(min_value=1000)))
def test_number_out_of_range_is_refused_with_the_range(size, value):
    for text in (str(value), json.dumps({"server": value}), f"server: {value}", f"I take server {value}."):
        with pytest.raises(InvalidAction, match=f"from 0 to {size - 1}"):
            parse_choice(text, NAMES, size)


@given(st.decimals(0, 4, places=2).filter(lambda value: value != int(value)))
def test_fraction_is_no_choice(value):
    for text in (f"{value}", f"server {value}", f"Answer: {value}", json.dumps({"server": float(value)})):
        with pytest.raises(InvalidAction):
            parse_choice(text, NAMES, 5)


@given(st.text(max_size=300), sizes)
def test_any_text_is_a_choice_in_range_or_refused_in_one_short_line(text, size):
    try:
        value = parse_choice(text, NAMES, size)
    except InvalidAction as refusal:
        assert len(str(refusal)) <= 500 and "\n" not in str(refusal)
    else:
        assert 0 <= value < size


@given(st.text(alphabet='server index:="{}0123456789.-+ \nAnswer*[]<>\\boxed,', max_size=200), sizes)
def test_text_that_looks_like_a_choice_is_in_range_or_refused(text, size):
    try:
        assert 0 <= parse_choice(text, NAMES, size) < size
    except InvalidAction:
        pass


@given(st.integers(min_value=10**20))
def test_giant_number_is_refused_without_being_computed(value):
    for text in (str(value), f"server {value}", json.dumps({"server": value})):
        with pytest.raises(InvalidAction, match="does not exist"):
            parse_choice(text, NAMES, 5)


@pytest.mark.parametrize(
    "text",
    [
        '{"server": 2, "reason": "server 4 is slow"}',
        '{"server": 2, "alternatives": [{"server": 3}, {"server": 1}]}',
        '{"plan": {"server": 3}, "server": 2, "note": "Answer: 4"}',
        "Answer: 2\n\nServer 4 would take longer.",
        "Thought 1: server 1 is free, server 4 is not.\nAction 1: answer[2]",
        "Thought 2: server 1.\nAction 2: Finish[2]\nObservation 2: server 1",
        "2.",
        "**2**",
        '"2"',
        "(2)",
        r"\boxed{2}",
        r"$\boxed{\text{server } 2}$",
        "<answer>2</answer>",
        "Server 4 is slow. <answer>server 2</answer>",
        "**Answer: 2**",
        '{"server": 2.0}',
        "Server #2",
        "server-2",
        "server_2",
        "**Server**: `2`",
        "> 2",
        "```\n2\n```",
        'Answer:\n\n```json\n{"server": 2}\n```\nServer 4 is slow.',
        "My final answer is **server 2**. Server 4 would take longer.",
        "Answer: 2 because server 4 is slow",
        "Answer: server 2 (server 4 is slow)",
        'Thought: {"server": 1} is slow.\nAction: answer[{"server": 2}]',
        '<tool_call>{"name": "act", "arguments": {"server": 2}}</tool_call>',
        "I would not wait; I take server 2.",
        "Server: 2\nReason: server 4 is slow.",
        "Reason: server 4 is slow.\n**Server:** 2",
        "2 (the fastest)",
        "2, because it is idle",
        "No. 2",
        "Thought: I would take server 4 Action: answer[2]",
    ],
)
def test_what_was_said_is_what_counts(text):
    assert read_answer(text, FORM) == 2


@pytest.mark.parametrize(
    "text",
    [
        "server: 2,5",
        "server 2-3",
        "2,5",
        "2-3",
        "servers 1 and 2",
        "server 2 or 3",
        "server 1..3",
        "server 2 | server 3",
        "server 2 3",
        "2\n\nServer 4 would take longer.",
        "2 - server 4 is slow",
        "2, 3",
        "2, or 3",
        "2 (or 3)",
        "2. 3.",
        "2\n3",
        "Answer: 2, server 3",
        "Answer: 2; 3",
        "Answer: server 2, then server 3",
        "Answer: 2, if it is free",
        "anything but server 2",
        "Every server except server 2.",
        "Server 2 is the worst.",
        "Server: 2\nServer: 3",
        "I cannot decide; server 1 and server 3 are equal.",
        "Do not use server 2.",
        "Anything but server 2, not server 2.",
        "Should it be server 2?",
        "If server 2 is free, server 2.",
        '{"server": 2, "server": 4}',
        '{"server": 2, "answer": 4}',
        '{"server": true}',
        '{"server": null}',
        '{"server": [2]}',
        '{"server": {"server": 2}}',
        '{"server": "2 or 3"}',
        '{"state": {"server": 2}}',
        '{"server": 2} or {"server": 3}',
        '{"server": 2, "alternatives": [{"server": 3}',
        "Answer: 2\nAnswer: 3",
        "Server 2 is free.\nAnswer: I do not know.",
        "Server 2 is free.\nAnswer:",
        "Answer:\n\nServer 4 would take longer.",
        "Action: calculator[2]",
        "<think>server 2</think>",
        "<think>server 2",
    ],
)
def test_what_says_nothing_or_two_things_is_invalid(text):
    with pytest.raises(InvalidAction, match="answer a whole number from 0 to 4"):
        read_answer(text, FORM)


def test_mark_that_cannot_be_read_says_so():
    with pytest.raises(InvalidAction, match="marked as the answer cannot be read"):
        read_answer("Server 2 is free.\nAnswer: hard to say", FORM)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "Antwort: 2",
            "**Réponse** : 2",
            "Respuesta: **2**",
            "Ответ: 2",
            "答案\uff1a2",
            "最终答案\uff1a\uff12",
            "答案是 2",
            "정답: 2",
        ),
        *(
            "\uff12",
            "\uff082\uff09",
            "「2」",
            "【2】",
            "《2》",
            "\u20392\u203a",
            "⟨2⟩",
            "==2==",
            "|2|",
            "||2||",
            "\ufeff2",
            "2\u200b",
        ),
        '{"function": {"name": "assign", "arguments": "{\\"server\\": 2}"}}',
        '{"tool_calls": [{"function": {"name": "assign", "arguments": "{\\"server\\": 2}"}}]}',
        '{"type": "function", "function": {"name": "assign", "parameters": {"server": 2}}}',
        '{"steps": [{"server": 1}, {"server": 3}], "final": {"server": 2}}',
        '{"result": {"server": 2}}',
        'Thought: the least loaded\nAction: assign\nAction Input: {"server": 2}',
        "Action: assign\nAction Input: 2",
    ],
)
def test_choice_is_read_in_other_languages_brackets_and_shapes_of_calls(text: str) -> None:
    assert read_answer(text, FORM) == 2


@pytest.mark.parametrize("link", ["、", "\uff0c", "\uff5e", "~", " → ", " -> ", " => ", ";", *JOINS])
def test_two_joined_in_any_way_are_no_choice(link: str) -> None:
    for text in (f"server 1{link}2", f"Answer: server 1{link}2", f"Answer: 1{link}2"):
        with pytest.raises(InvalidAction):
            read_answer(text, FORM)


@pytest.mark.parametrize(
    "text",
    [
        *("nicht Server 2", "kein server 2", "pas le server 2", "nunca server 2", "не server 2", "不要 server 2"),
        *("别选 server 2", "ni server 2", "forget server 2", "stop using server 2", "❌ server 2", "server 2 ✗"),
        *("server 2: busy", "server 2: no", "server 2: rejected", "server 2: 5 jobs", "server 2 (or 3)", "server 2%"),
        *("~~2~~", "~~server 2~~", "Answer: ~~2~~", "server 2^1", "Action: server 3\nAction Input: 2"),
    ],
)
def test_what_is_rejected_described_or_struck_out_is_no_choice(text: str) -> None:
    with pytest.raises(InvalidAction):
        read_answer(text, FORM)


@pytest.mark.parametrize("no", ["nicht", "ne pas", "不", "别", "не"])
def test_a_word_denied_in_another_language_is_its_opposite(no: str) -> None:
    assert read_answer(f"{no} admit", ADMIT) == 0


def test_a_flag_may_be_a_whole_float() -> None:
    assert [read_answer(f'{{"admit": {flag}}}', ADMIT) for flag in ("0.0", "1.0")] == [0, 1]
