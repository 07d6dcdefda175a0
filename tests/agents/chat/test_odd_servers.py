"""Servers spell one protocol in many ways: what they mean is read, and nothing broken is taken for an answer."""

import asyncio
import itertools
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from infraray.agents.chat import client
from infraray.agents.chat.completion import Completion, read_answer
from infraray.agents.chat.failures import ContextOverflow, StatedError, TransientFailure
from infraray.errors import InfrarayError, Unavailable
from infraray.protocol.answers import token_count
from infraray.protocol.ends import WHOLE, end_of
from infraray.protocol.errors import stated_status
from tests.agents.chat.play import agent_at, play
from tests.openai_server import Reply, Server


@pytest.fixture(autouse=True)
def short_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "FIRST_BACKOFF_S", 0.02)


def read(body: bytes, size: int = 11) -> Completion:
    async def pieces() -> Any:
        for start in range(0, len(body), size):
            yield body[start : start + size]

    return asyncio.run(read_answer(pieces(), 0.0))


def events(*documents: Any, done: bool = True) -> bytes:
    said = "".join(f"data: {json.dumps(document)}\n\n" for document in documents)
    return (said + "data: [DONE]\n\n" * done).encode()


def delta(finish_reason: Any = None, **said: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": said, "finish_reason": finish_reason}]}


def serving(*bodies: bytes, content_type: str = "text/event-stream") -> Server:
    """Answers with bodies as they are, one a request, the last for ever."""
    replies = [Reply(body=body, headers={"Content-Type": content_type}) for body in bodies]
    return Server(itertools.chain(replies, itertools.repeat(replies[-1])))


GOOD = events(delta(content="server 1"), delta("stop"))
BROKEN = ["error", "abort", "network_error", "insufficient_system_resource", "ERROR", "aborted", "cancelled", "timeout"]


@pytest.mark.parametrize("reason", [*BROKEN, {"type": "abort"}])
def test_a_break_off_is_asked_again_and_never_kept(reason: Any, tmp_path: Path) -> None:
    async def run() -> None:
        with serving(events(delta(content="server"), delta(reason)), GOOD) as server:
            ((turn, info),) = await play(agent_at(server, cache=str(tmp_path)), 1)
            assert info["action"] == 1 and turn.extra["retries"] == 1
            ((again, _),) = await play(agent_at(server, cache=str(tmp_path)), 1)
            assert again.extra["cached"] and again.action == "server 1"

    asyncio.run(run())


@pytest.mark.parametrize("reason", ["because", "eof?", "42"])
def test_an_end_that_no_list_has_makes_no_whole_answer_and_is_not_kept(reason: str, tmp_path: Path) -> None:
    async def run() -> None:
        with serving(events(delta(content="server 1"), delta(reason)), GOOD) as server:
            ((_, info),) = await play(agent_at(server, cache=str(tmp_path)), 1)
            assert not info["valid"]
            ((_, info),) = await play(agent_at(server, cache=str(tmp_path)), 1)
            assert info["valid"]

    asyncio.run(run())


SPELLINGS = {
    "whole": "stop STOP eos_token stop_sequence end_turn tool_calls tool_use function_call COMPLETE FINISH_REASON_STOP",
    "cut": "length max_tokens MAX_TOKENS maxTokens max_output_tokens max-tokens model_length max_length"
    " max_completion_tokens model_context_window_exceeded max_tokens_reached TOKEN_LIMIT",
    "refused": "content_filter SAFETY contentFilter sensitive RECITATION refusal guardrail_intervened",
    "broken": " ".join([*BROKEN, "kv_cache_full", "out_of_memory", "server_busy", "no_capacity", "killed"]),
}


@pytest.mark.parametrize(("end", "reason"), [(end, word) for end, words in SPELLINGS.items() for word in words.split()])
def test_one_end_has_many_spellings(end: str, reason: str) -> None:
    assert end_of(reason) == end


@given(st.text(min_size=1, max_size=20).filter(lambda word: word.strip().lower() not in SPELLINGS["whole"].lower()))
def test_no_unknown_word_is_a_good_end(word: str) -> None:
    assume(re.sub("[^a-z]", "", word.lower().removeprefix("finish_reason_")) not in WHOLE)
    assert end_of(word) != "whole"


@pytest.mark.parametrize("place", ["top", "choice", "flat", "document"])
@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"code": 429, "message": "slow down"}, "busy"),
        ({"code": "429", "message": "slow down"}, "busy"),
        ({"code": "rate_limit_exceeded", "message": "slow down"}, "busy"),
        ({"code": 502, "message": "bad gateway"}, "again"),
        ({"message": "the engine died"}, "again"),
        ({"code": 401, "message": "no such key"}, "unavailable"),
        ({"code": 400, "message": "nonsense"}, "final"),
    ],
)
def test_an_error_inside_a_200_is_the_status_that_it_states(place: str, error: dict[str, Any], kind: str) -> None:
    stated: Any = {"top": {"error": error}, "flat": {"object": "error", **error}, "document": {"error": error}}.get(
        place
    )
    if place == "choice":
        stated = {"choices": [{"index": 0, "delta": {}, "error": error, "finish_reason": "error"}]}
    body = json.dumps(stated).encode() if place == "document" else events(delta(content="ser"), stated)

    async def run() -> None:
        with serving(body, GOOD) as server:
            agent = agent_at(server, max_retries=0 if kind == "busy" else 1)
            if kind in ("busy", "again"):
                ((turn, info),) = await play(agent, 1)
                assert info["action"] == 1 and turn.extra["retries"] == 1
                return
            with pytest.raises(InfrarayError, match=error["message"]) as told:
                await play(agent, 1)
            assert isinstance(told.value, Unavailable) == (kind == "unavailable") and len(server.requests) == 1

    asyncio.run(run())


def test_a_context_that_is_too_short_is_known_inside_a_200_too() -> None:
    async def run() -> None:
        error = {"error": {"code": 400, "message": "This model's maximum context length is 4096 tokens"}}
        with serving(events(error), GOOD) as server:
            ((_, info),) = await play(agent_at(server), 1)
            assert info["valid"] and len(server.requests) == 2

    asyncio.run(run())
    assert stated_status({"code": True}) is None and stated_status("429") is None
    with pytest.raises(StatedError):
        read(events({"error": "out of order"}))
    assert issubclass(ContextOverflow, InfrarayError)


@pytest.mark.parametrize("content_type", ["Text/Event-Stream;charset=UTF-8", "application/json", "text/plain", "x"])
def test_a_stream_is_a_stream_whatever_it_is_called(content_type: str) -> None:
    async def run() -> None:
        for body in (GOOD, GOOD.replace(b"\n", b"\r\n"), b": ping\r\r" + GOOD.replace(b"\n", b"\r")):
            with serving(body, content_type=content_type) as server:
                ((turn, info),) = await play(agent_at(server), 1)
                assert info["action"] == 1 and turn.extra["time_to_first_token_s"] is not None

    asyncio.run(run())


@pytest.mark.parametrize("content_type", ["text/event-stream", "application/json"])
def test_one_document_in_place_of_a_stream_is_the_answer(content_type: str) -> None:
    whole = {"choices": [{"index": 0, "message": {"content": "server 1"}, "finish_reason": "stop"}]}

    async def run() -> None:
        with serving(json.dumps(whole, indent=1).encode(), content_type=content_type) as server:
            ((turn, info),) = await play(agent_at(server), 1)
            assert info["action"] == 1 and turn.extra["time_to_first_token_s"] is None

    asyncio.run(run())


COUNTS = [(7, 7), (0, 0), (-1, None), (1.0, None), (True, None), ("7", None), (None, None), ([], None), (10**30, None)]


@pytest.mark.parametrize(("inputs", "outputs"), list(itertools.product(COUNTS, COUNTS[:6])))
def test_each_count_of_a_usage_report_is_read_for_itself(inputs: Any, outputs: Any) -> None:
    usage = {"prompt_tokens": inputs[0], "completion_tokens": outputs[0], "total_tokens": "many"}
    answer = read(events(delta(content="a"), delta("stop"), {"choices": [], "usage": usage}))
    assert (answer.input_tokens, answer.output_tokens) == (inputs[1], outputs[1])
    assert type(answer.input_tokens) in (int, type(None))


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists, max_leaves=3))
def test_no_usage_is_no_failure(usage: Any) -> None:
    assert token_count(usage, "prompt_tokens") is None
    answer = read(events(delta("stop", content="a"), {"choices": [], "usage": usage}).replace(b"NaN", b"null"))
    assert answer.text == "a" and answer.input_tokens is None


PARTS = [
    ("server 1", "server 1", None, None),
    ([{"type": "text", "text": "server "}, {"type": "text", "text": "1"}], "server 1", None, None),
    ([{"text": "server 1"}], "server 1", None, None),
    (["server ", "1"], "server 1", None, None),
    ({"type": "output_text", "text": "server 1"}, "server 1", None, None),
    ([{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "1"}], "1", "hm", None),
    (
        [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"type": "text", "text": "1"}],
        "1",
        "hm",
        None,
    ),
    ([{"type": "reasoning", "text": "hm"}, {"type": "text", "text": "1"}], "1", "hm", None),
    ([{"type": "refusal", "refusal": "no"}], "", None, "no"),
    ([{"type": "image_url", "image_url": {}}, {"type": "text", "text": "1"}], "1", None, None),
    ([], "", None, None),
    (None, "", None, None),
]


@pytest.mark.parametrize(("content", "text", "reasoning", "refusal"), PARTS)
@pytest.mark.parametrize("part", ["delta", "message"])
def test_content_may_come_in_parts(
    part: str, content: Any, text: str, reasoning: str | None, refusal: str | None
) -> None:
    document = {"choices": [{"index": 0, part: {"content": content}, "finish_reason": "stop"}]}
    answer = read(events(document) if part == "delta" else json.dumps(document).encode())
    assert (answer.text, answer.reasoning, answer.refusal) == (text, reasoning, refusal)


@pytest.mark.parametrize("content", [7, [7], [[]], True, [{"type": "text", "text": 7}]])
def test_what_is_no_text_is_no_answer(content: Any) -> None:
    with pytest.raises(TransientFailure, match="not an answer"):
        read(events(delta("stop", content=content)))


def test_second_choices_are_left_alone() -> None:
    def choice(index: Any, text: str) -> dict[str, Any]:
        return {"index": index, "delta": {"content": text}, "finish_reason": None}

    one = [
        {"choices": [choice(1, "no")]},
        {"choices": [choice(0, "a"), choice(1, "no")]},
        {"choices": [choice(0, "b")]},
    ]
    assert read(events(*one, delta("stop"))).text == "ab"
    both = {"choices": [{"message": {"content": text}, "finish_reason": "stop"} for text in ("ab", "no")]}
    assert read(json.dumps(both).encode()).text == "ab"


def call(arguments: Any, **named: Any) -> dict[str, Any]:
    return {**named, "function": {"name": "act", "arguments": arguments}}


CALLS = [
    [[call('{"a"', index=0)], [call(": 1}", index=0)]],
    [[call('{"a"', index=1)], [call(": 1}", index=1)], [call("{}", index=2)]],
    [[call('{"a"', index="0", id="x")], [call(": 1}", index="0")]],
    [[call('{"a"', index=None, id="x")], [call(": 1}", index=None)]],
    [[call('{"a"')], [call(": 1}")]],
    [[call({"a": 1})]],
    [[call({"a": 1}, index=0), call({"b": 2}, index=1)]],
    [[call({"a": 1}), call({"b": 2})]],
    [[call('{"a": 1}', index=0, id="x")], [call('{"b": 2}', index=0, id="y")]],
    [[call(None, index=3, id="x")], [call('{"a": 1}', index=3, id="")]],
]


@pytest.mark.parametrize("deltas", CALLS)
@pytest.mark.parametrize("finish_reason", ["tool_calls", "stop", None])
def test_the_first_tool_call_is_read_whatever_its_index(deltas: list[Any], finish_reason: str | None) -> None:
    answer = read(events(*(delta(tool_calls=calls) for calls in deltas), delta(finish_reason)))
    assert answer.called is not None and json.loads(answer.called) == {"a": 1}


def test_the_form_of_a_call_before_there_were_tools_is_read() -> None:
    halves = ({"name": "act", "arguments": '{"a"'}, {"arguments": ": 1}"})
    assert read(events(*(delta(function_call=half) for half in halves), delta("function_call"))).called == '{"a": 1}'


@settings(max_examples=300)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "stop", "text", "error", "server 1"]),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    "choices index delta message content tool_calls function arguments finish_reason usage error code"
                    " type text refusal reasoning id prompt_tokens object".split()
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    ),
    st.booleans(),
)
def test_no_document_is_more_than_a_failed_request(document: Any, streamed: bool) -> None:
    try:
        answer = read(events(document) if streamed else json.dumps(document).encode())
    except (TransientFailure, StatedError):
        return
    assert isinstance(answer.text, str) and type(answer.input_tokens) in (int, type(None))
