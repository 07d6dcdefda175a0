"""Commands are found in whatever a model writes around them."""

import json

import pytest

from infraray.errors import InvalidAction
from infraray.scenarios.routing.answers import MAX_COMMAND_CHARACTERS, parse_command

MACHINES = ("h1", "h2", "r0")
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
        f'First {{"machine": "h1", "command": "ip addr"}}, no: {SAID}',
    ],
)
def test_command_is_read(answer: str) -> None:
    assert parse_command(answer, MACHINES) == ROUTE


def test_braces_quotes_and_lines_within_a_command_are_kept() -> None:
    command = "ip -o link | awk '{print $2, \"x\"}'\necho {a}"
    answer = f"so: {json.dumps({'machine': 'h2', 'command': command})}"
    assert parse_command(answer, MACHINES) == {"machine": 1, "command": command}
    assert parse_command('{"machine": "h2", "command": "ip addr\nip link"}', MACHINES)["command"] == "ip addr\nip link"


@pytest.mark.parametrize("answer", ["done", " Done. ", "**done**", '"done"', '{"command": "done"}'])
def test_done_needs_no_machine(answer: str) -> None:
    assert parse_command(answer, MACHINES)["command"] == "done"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("ip route", "no command found"),
        ("I am done with looking", "no command found"),
        ('{"machine": "r0"}', "no command found"),
        ('{"command": "ip route"}', "no machine is named"),
        ('{"machine": "r1", "command": "ip route"}', "no machine 'r1'; known are h1, h2, r0"),
        ('{"machine": ["r0"], "command": "ip route"}', "no machine"),
        ('{"machine": "r0", "command": ["ip", "route"]}', "not a text"),
        ('{"machine": "r0", "command": "  "}', "not a text"),
        ('{"machine": "r0", "command": "echo \\u0000"}', "not printable"),
        ('{"machine": "r0", "command": "echo é"}', "not printable"),
        (json.dumps({"machine": "r0", "command": "x" * (MAX_COMMAND_CHARACTERS + 1)}), "at most 4000"),
        ('{"machine": "r0", "command": "ip route"', "no command found"),
    ],
)
def test_what_is_no_command_is_refused_with_the_reason(answer: str, reason: str) -> None:
    with pytest.raises(InvalidAction, match=reason):
        parse_command(answer, MACHINES)
