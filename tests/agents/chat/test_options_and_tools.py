"""Wrong options are told in one line; tools do what they say and nothing else."""

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infraray.agents import load_agent
from infraray.agents.chat import ChatAgent
from infraray.agents.chat.tools import Calculator, Notes
from infraray.errors import InfrarayError


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"strategi": "react"}, r"strategi: no such field; did you mean strategy\?"),
        ({"strategy": "reakt"}, r"strategy='reakt': no such strategy; did you mean react\?"),
        ({"memory": "last"}, "memory='last': must be all, summary or last:K, as in last:4"),
        ({"strategy": "react", "tools": "calculater"}, r"no tool calculater; did you mean calculator\?"),
        ({"tools": "notes"}, "strategy zero_shot has no use for tools; take react"),
        ({"max_tool_calls": 2}, "max_tool_calls=2: strategy zero_shot has no use for tools; take react"),
        ({"examples": 2}, "strategy zero_shot shows none; take few_shot"),
        ({"temperature": -1}, "temperature=-1: "),
        ({"max_tokens": "many"}, "max_tokens='many': "),
    ],
)
def test_wrong_options_are_told(options: dict[str, Any], line: str) -> None:
    with pytest.raises(InfrarayError, match=line) as told:
        ChatAgent("m", "http://localhost/v1", **options)
    assert str(told.value).startswith("chat:m: ") and "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("spec", "line"),
    [
        ("chat:m@http://h/v1?model=x", "chat:m: model: no such field; "),
        ("chat:m@http://h/v1?endpoints=x", "chat:m: endpoints: no such field; "),
        ("chat:m@http://h/v1?self=x", "chat:m: self: no such field; "),
        ("chat:m@http://h:80x/v1", "agent chat:m@http://h:80x/v1: url='http://h:80x/v1': its port must be a number"),
        ("chat:m@http:///v1", "agent chat:m@http:///v1: url='http:///v1': names no host; "),
    ],
)
def test_a_wrong_spec_is_told_before_anything_is_played(spec: str, line: str) -> None:
    with pytest.raises(InfrarayError) as told:
        load_agent(spec, "load_balance")
    assert str(told.value).startswith(line) and "\n" not in str(told.value)


@pytest.mark.parametrize("target", ["m", "m@localhost:8000", "@http://localhost/v1"])
def test_a_target_needs_model_and_url(target: str) -> None:
    with pytest.raises(InfrarayError, match="must be chat:MODEL@BASE_URL"):
        load_agent(f"chat:{target}", "load_balance")


def test_an_agent_waits_for_its_answers() -> None:
    assert ChatAgent("org/model@main", "http://localhost/v1").is_conversational


def test_a_missing_client_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InfrarayError, match=r"pip install 'infraray\[chat\]'"):
        ChatAgent("m", "http://localhost/v1")


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("1 + 2 * 3", "7"),
        ("(3 + 4.5) / 2", "3.75"),
        ("min(0.3/0.5, 0.3/2) =", "0.15"),
        ("2 ** 10", "1024"),
        ("-7 // 2", "-4"),
        ("round(sqrt(2), 3)", "1.414"),
        ("round(1234.5, -2) + round(2.5) + round(2.5, 0)", "1204"),
        ("round(5, -1000000000)", "error: round takes at most 30 digits"),
        ("round(0.5, 10**25)", "error: round takes at most 30 digits"),
        ("1 / 0", "error: division by zero"),
        ("__import__('os')", "error: no function __import__"),
        ("(1).__class__", "error: only numbers"),
        ("[1, 2][0]", "error: only numbers"),
        ("True + 1", "error: only numbers"),
        ("what about 3", "error: not an arithmetic expression"),
        ("(" * 400 + "1" + ")" * 400, "error: longer than"),
        ("(" * 240 + "1" + ")" * 240, "error: not an arithmetic expression"),
        ("9 ** 9 ** 9 ** 9", "error: "),
        ("10**20 * 10**20", "error: the number is too large"),
        ("max()", "error: "),
    ],
)
def test_calculator(expression: str, value: str) -> None:
    assert Calculator().use(expression).startswith(value)


@given(st.text(alphabet="0123456789+-*/%.() ,minaxsqrt", max_size=60))
def test_no_expression_harms_the_calculator(expression: str) -> None:
    before = time.perf_counter()
    assert isinstance(Calculator().use(expression), str)
    assert time.perf_counter() - before < 5


def test_notes_last_and_are_bounded() -> None:
    notes = Notes()
    assert notes.use("") == "(empty)"
    assert notes.use("server 2\n is slow") == "server 2 is slow"
    assert notes.use("watch the burst") == "server 2 is slow\nwatch the burst"
    for _ in range(20):
        notes.use("x" * 900)
    assert len(notes.use("")) <= 4000
