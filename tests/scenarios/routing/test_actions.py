"""Commands are found in whatever a model writes around them."""

import json

import pytest

from infraray.answers import Option, Text, read_answer
from infraray.environment import TEXT_CHARACTERS
from infraray.errors import InvalidAction
from infraray.scenarios.routing.actions import DONE, MAX_COMMAND_CHARACTERS, CommandForm

MACHINES = ("h1", "h2", "r0")
FORM = CommandForm(
    (Option("machine", MACHINES), Text("command", MAX_COMMAND_CHARACTERS, TEXT_CHARACTERS)),
    words={DONE: {"machine": 2, "command": DONE}},
)
SAID = '{"machine": "r0", "command": "ip route"}'
ROUTE = {"machine": 2, "command": "ip route"}


@pytest.mark.parametrize(
    "answer",
    [
        SAID,
        f"  {SAID}\n",
        f"I look first.\n```json\n{SAID}\n```\nThen we shall see.",
        f"Thought: routes.\nAction: {SAID}",
        '{"command": "ip route", "machine": "r0"}',
        '{"thought": "routes {maybe}", "machine": "r0", "command": "ip route"}',
        f'{{"action": {SAID}}}',
        '{"machine": "R0", "command": "ip route", "undo": {"machine": "r0", "command": "iptables -P FORWARD DROP"}}',
        f'Thought 1: not {{"machine": "h1", "command": "ip addr"}}.\nAction 1: answer[{SAID}]',
        f'<think>{{"machine": "h1", "command": "ip addr"}}</think>{SAID}',
        f"**Answer:** {SAID}\n\nOn h1 it would show less.",
    ],
)
def test_command_is_read(answer: str) -> None:
    assert read_answer(answer, FORM) == ROUTE


def test_braces_quotes_and_lines_within_a_command_are_kept() -> None:
    command = "ip -o link | awk '{print $2, \"x\"}'\necho {a}"
    answer = f"so: {json.dumps({'machine': 'h2', 'command': command})}"
    assert read_answer(answer, FORM) == {"machine": 1, "command": command}
    assert read_answer('{"machine": "h2", "command": "ip addr\nip link"}', FORM)["command"] == "ip addr\nip link"


@pytest.mark.parametrize("answer", ["done", " Done. ", "**done**", '"done"', '{"command": "done"}'])
def test_done_needs_no_machine(answer: str) -> None:
    assert read_answer(answer, FORM)["command"] == "done"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("ip route", "no command found"),
        ("I am done with looking", "no command found"),
        ('{"machine": "r0"}', "no command found"),
        ('{"command": "ip route"}', "no machine found"),
        ('{"machine": "r1", "command": "ip route"}', "no machine 'r1'; known are h1, h2, r0"),
        ('{"machine": ["r0"], "command": "ip route"}', "no machine"),
        ('{"machine": "r0", "command": ["ip", "route"]}', "not a text"),
        ('{"machine": "r0", "command": "  "}', "not a text"),
        ('{"machine": "r0", "command": "echo \\u0000"}', "not allowed"),
        ('{"machine": "r0", "command": "echo é"}', "not allowed"),
        (json.dumps({"machine": "r0", "command": "x" * (MAX_COMMAND_CHARACTERS + 1)}), "at most 4000"),
        ('{"machine": "r0", "command": "ip route"', "not whole"),
        (f'First {{"machine": "h1", "command": "ip addr"}}, no: {SAID}', "two different things"),
        ('{"machine":"r0","command":"true","undo":{"machine":"r0","command":"iptables -P FORWARD DROP"}', "not whole"),
        ('{"machine": "r0", "command": "true", "command": "iptables -F"}', "more than once"),
        (f"{SAID[:-1]}, oops}}\nAnswer: I cannot say", "cannot be read"),
    ],
)
def test_what_is_no_command_is_refused_with_the_reason(answer: str, reason: str) -> None:
    with pytest.raises(InvalidAction, match=reason):
        read_answer(answer, FORM)


def test_word_that_ends_the_episode_is_read_under_a_general_key() -> None:
    for answer in ('{"action": "done"}', '{"answer": "Done"}', '{"decision": "**done**"}'):
        assert read_answer(answer, FORM) == {"machine": 2, "command": DONE}
