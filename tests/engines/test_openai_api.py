"""OpenAI's protocol as our servers speak it, whatever library computes: what they answer, and what they refuse."""

from __future__ import annotations

import json
import math
import socket
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from tests.engines.in_process import SMALL_MODEL, ask, events, exchange, load_program, refusal, serving, url_of

ARGUMENTS = {"onnx_server": (1,), "transformers_server": ("float32", "cpu")}
"""Of each server's model, after the folder."""


@pytest.fixture(scope="module", params=["onnx_server", pytest.param("transformers_server", marks=pytest.mark.engine)])
def served(request: pytest.FixtureRequest) -> Iterator[Any]:
    program = load_program(request.param)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(program.openai_api, "LONGEST_WARM_UP", 2)
        with serving(program, lambda: program.Model(SMALL_MODEL, *ARGUMENTS[request.param])) as server:
            yield server


@pytest.fixture
def url(served: Any) -> str:
    return url_of(served)


def test_every_token_has_a_chunk_of_its_own(url: str) -> None:
    """Also those that leave no text: when they came is all that tells when the prompt had been read."""
    assert len(events(ask(url, stream=True, max_tokens=20))) == 1 + 20 + 1  # the role, the tokens, the end


def test_tokens_are_told_with_the_one_that_ended_the_answer(
    url: str, served: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As vLLM tells them: a trainer needs the end's probability, too, and readers of the text do not see it."""
    asked = {"return_token_ids": True, "logprobs": True, "max_tokens": 40, "temperature": 1, "seed": 5}

    def told() -> Any:
        whole = json.loads(ask(url, **asked, ignore_eos=False))
        choice = whole["choices"][0]
        ids = choice["token_ids"]
        assert len(choice["logprobs"]["content"]) == len(ids) == whole["usage"]["completion_tokens"]
        assert served.model.decode(ids) == choice["message"]["content"]
        assert whole["prompt_token_ids"] == served.model.encode_chat([{"role": "user", "content": "hello"}])
        chunks = events(ask(url, **asked, ignore_eos=False, stream=True))
        assert [chunk["prompt_token_ids"] for chunk in chunks if "prompt_token_ids" in chunk] == [
            whole["prompt_token_ids"]
        ]
        streamed = [one for chunk in chunks for one in chunk["choices"]]
        assert [token for one in streamed for token in one.get("token_ids", ())] == ids
        assert sum(len((one["logprobs"] or {}).get("content", ())) for one in streamed) == len(ids)
        return choice

    monkeypatch.setattr(served.model, "eos", set())
    unended = told()["token_ids"]
    end = unended[20]
    monkeypatch.setattr(served.model, "eos", {end})
    choice = told()
    assert choice["token_ids"] == unended[: unended.index(end) + 1] and choice["finish_reason"] == "stop"
    assert "token_ids" not in ask(url)


def test_a_wrong_request_is_one_line_and_the_next_is_answered(url: str) -> None:
    for wrong in ({"temperature": -1}, {"messages": []}, {"max_tokens": 1 << 29}):
        with pytest.raises(urllib.error.HTTPError) as refused:
            ask(url, **wrong)
        with refused.value as error:
            assert error.code == 400 and "\n" not in json.load(error)["error"]["message"]
    assert "chat.completion" in ask(url)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("tools", [{"type": "function", "function": {"name": "act"}}]),
        ("tool_choice", "required"),
        ("logit_bias", {"5": 100}),
        ("presence_penalty", 0.5),
        ("frequency_penalty", -1),
        ("repetition_penalty", 1.2),
        ("n", 2),
        ("n", True),
        ("best_of", 3),
        ("response_format", {"type": "json_object"}),
        ("min_p", 0.1),
        ("top_k", 5),
        ("guided_json", {}),
        ("max_tokens", "6"),
        ("max_tokens", 1.5),
        ("max_tokens", True),
        ("temperature", "warm"),
        ("temperature", [1]),
        ("seed", 1.5),
        ("stop", 5),
        ("stop", [5]),
        ("stop", {"a": 1}),
        ("stream", "yes"),
        ("stream_options", "usage"),
        ("stream_options", {"include_usage": 1}),
        ("ignore_eos", "no"),
        ("logprobs", 1),
        ("return_token_ids", "yes"),
        ("messages", "hello"),
        ("messages", [{"role": "user", "content": 7}]),
        ("messages", [{"role": "user", "content": ["hello"]}]),
        ("messages", [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]),
        ("messages", [{"role": 7, "content": "hello"}]),
        ("messages", [{"content": "hello"}]),
    ],
)
def test_what_it_does_not_do_or_cannot_read_is_refused_with_a_reason(url: str, field: str, value: Any) -> None:
    body = {"messages": [{"role": "user", "content": "hello"}], "max_tokens": 2, field: value}
    assert field in refusal(url, "/chat/completions", body)


@pytest.mark.parametrize(
    "prompt",
    [[-1], [10**9], [True], ["a", 5], [[1], [-1]], [[]], [], "", 5, None, {"a": 1}, [[1.5]], "\ud83d"],
)
def test_a_prompt_that_cannot_be_read_is_refused(url: str, prompt: Any) -> None:
    assert "prompt" in refusal(url, "/completions", {"prompt": prompt, "max_tokens": 2})


@pytest.mark.parametrize("raw", [b"\xff\xfe", b'{"prompt": "\xe9"}', b"", b"[]", b"{", b"[" * 100_000, b"7"])
def test_a_body_that_is_no_object_is_refused(url: str, raw: bytes) -> None:
    assert "JSON" in refusal(url, "/completions", raw)


def test_neutral_values_ask_for_nothing(url: str) -> None:
    neutral = {"n": 1, "tools": [], "tool_choice": "none", "logit_bias": {}, "presence_penalty": 0.0, "user": "me"}
    assert "chat.completion" in ask(url, response_format={"type": "text"}, logprobs=False, stop=None, **neutral)


def test_text_parts_are_joined(url: str) -> None:
    def length(content: Any) -> int:
        counted: int = json.loads(ask(url, messages=[{"role": "user", "content": content}]))["usage"]["prompt_tokens"]
        return counted

    parts = [{"type": "text", "text": "hello "}, {"type": "text", "text": "there, server"}]
    assert length(parts) == length("hello there, server")


@pytest.mark.parametrize("stream", [False, True])
def test_a_list_of_prompts_has_a_choice_each(url: str, stream: bool) -> None:
    def complete(prompt: Any) -> dict[int, str]:
        body = {"prompt": prompt, "max_tokens": 3, "ignore_eos": True, "stream": stream}
        request = urllib.request.Request(f"{url}/completions", json.dumps(body).encode())
        with urllib.request.urlopen(request, timeout=60) as answer:
            told = answer.read().decode()
        lines = [line[6:] for line in told.splitlines() if line.startswith("data: {")] if stream else [told]
        texts: dict[int, str] = {}
        for choice in (choice for line in lines for choice in json.loads(line)["choices"]):
            texts[choice["index"]] = texts.get(choice["index"], "") + choice["text"]
        return texts

    both = complete(["hello", "there, server"])
    assert both == {0: complete("hello")[0], 1: complete(["there, server"])[0]}
    assert set(complete([[5, 6, 7], [8]])) == {0, 1} and set(complete([5, 6, 7])) == {0}


def test_a_model_can_be_asked_for_by_its_name(url: str) -> None:
    _, listed = exchange(url, "GET", "/models")
    name = listed["data"][0]["id"]
    assert exchange(url, "GET", f"/models/{urllib.parse.quote(name)}") == (200, listed["data"][0])
    assert exchange(url, "GET", "/models/other")[0] == 404


def test_bodies_may_come_in_chunks(url: str) -> None:
    body = json.dumps({"prompt": "hello", "max_tokens": 2}).encode()
    pieces = (body[start : start + 7] for start in range(0, len(body), 7))
    status, told = exchange(url, "POST", "/completions", pieces, **{"Transfer-Encoding": "chunked"})
    assert status == 200 and told["choices"][0]["index"] == 0


@pytest.mark.parametrize("framing", [{"Content-Length": "many"}, {"Content-Length": "-5"}])
def test_a_framing_that_cannot_be_read_is_refused(url: str, framing: dict[str, str]) -> None:
    parts = urllib.parse.urlsplit(url)
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=60) as raw:
        (name, value) = next(iter(framing.items()))
        raw.sendall(f"POST /v1/completions HTTP/1.1\r\nHost: x\r\n{name}: {value}\r\n\r\n".encode())
        assert raw.recv(4096).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("stream", [False, True])
def test_a_fault_of_its_own_is_told_and_drops_no_connection(
    url: str, served: Any, stream: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> Any:
        raise RuntimeError("out of memory")

    monkeypatch.setattr(served.model, "generate", broken)
    if stream:
        assert "out of memory" in ask(url, stream=True)
        return
    with pytest.raises(urllib.error.HTTPError) as told:
        ask(url)
    with told.value as error:
        assert error.code == 500 and "out of memory" in json.load(error)["error"]["message"]


def answer_of(url: str, **fields: Any) -> Any:
    """The one choice of a chat."""
    return json.loads(ask(url, **fields))["choices"][0]


def test_a_seed_decides_what_is_drawn(url: str) -> None:
    def said(seed: int, **fields: Any) -> str:
        text: str = answer_of(url, max_tokens=12, temperature=1, seed=seed, **fields)["message"]["content"]
        return text

    drawn = [said(seed) for seed in (-1, 0, 1, 2)]
    assert len(set(drawn)) == 4 and drawn == [said(seed) for seed in (-1, 0, 1, 2)]
    greedy = answer_of(url, max_tokens=12)["message"]["content"]
    assert said(3, top_p=0) == greedy  # The likeliest token always stays.


def test_a_stop_text_ends_the_answer_and_is_not_in_it(url: str) -> None:
    asked = {"max_tokens": 40, "temperature": 1, "seed": 5}
    whole = answer_of(url, **asked)["message"]["content"]
    stop = whole[10:13]
    for stream in (False, True):
        told = ask(url, stop=["never said", stop], stream=stream, **asked)
        if stream:
            choices = [choice for event in events(told) for choice in event["choices"]]
            text, reason = "".join(choice["delta"]["content"] for choice in choices), choices[-1]["finish_reason"]
        else:
            choice = json.loads(told)["choices"][0]
            text, reason = choice["message"]["content"], choice["finish_reason"]
        assert (text, reason) == (whole[: whole.index(stop)], "stop")


def test_log_probabilities_are_those_of_the_tokens_before_any_temperature(url: str) -> None:
    def entries(**fields: Any) -> list[Any]:
        found: list[Any] = answer_of(url, logprobs=True, **fields)["logprobs"]["content"]
        return found

    greedy = entries(top_logprobs=20)
    assert len(greedy) == 6
    for entry in greedy:
        likely = [other["logprob"] for other in entry["top_logprobs"]]
        assert entry["logprob"] == likely[0] and likely == sorted(likely, reverse=True) and len(likely) == 20
        assert sum(map(math.exp, likely)) < 1
    warm = entries(top_logprobs=20, temperature=50, seed=1)[0]
    assert warm["top_logprobs"] == greedy[0]["top_logprobs"]
    assert "top_logprobs" in entries()[0] and entries()[0]["top_logprobs"] == []


def test_an_answer_is_as_likely_as_it_was_when_it_was_given(url: str) -> None:
    given = answer_of(url, logprobs=True)
    body = {"messages": [{"role": "user", "content": "hello"}], "text": given["message"]["content"]}
    status, told = exchange(url, "POST", "/likelihood", json.dumps(body).encode())
    assert status == 200 and len(told["content"]) == 6
    for entry, before in zip(told["content"], given["logprobs"]["content"], strict=True):
        assert entry["token"] == before["token"] and entry["logprob"] == pytest.approx(before["logprob"], abs=1e-4)
