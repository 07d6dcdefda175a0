"""The reference server computes in one thread and with kernels that build nothing for a length, whoever asks."""

from __future__ import annotations

import concurrent.futures
import http.client
import importlib.util
import json
import math
import socket
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.engine

SERVER = Path(__file__).parents[2] / "infraray" / "engines" / "servers" / "transformers_server.py"


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    """The module, which its environment knows by its path alone."""
    spec = importlib.util.spec_from_file_location("reference_server", SERVER)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    # However busy the machine is.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module.openai_api, "WARM_UP_S", math.inf)
        patch.setattr(module.openai_api, "LONGEST_WARM_UP", 128)
        yield module


@pytest.fixture(scope="module")
def seen(server: Any) -> list[tuple[int, bool, int]]:
    """For each step: the thread, whether cuDNN's attention may be taken, and the tokens that it reads."""
    return []


@pytest.fixture(scope="module")
def served(server: Any, model: str, seen: list[tuple[int, bool, int]]) -> Iterator[Any]:
    import torch

    load = server.AutoModelForCausalLM.from_pretrained

    def loaded(*given: Any, **named: Any) -> Any:
        model = load(*given, **named)
        forward = model.forward

        def watched(tokens: Any, **more: Any) -> Any:
            seen.append((threading.get_ident(), torch.backends.cuda.cudnn_sdp_enabled(), tokens.shape[1]))
            return forward(tokens, **more)

        model.forward = watched
        return model

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(server.AutoModelForCausalLM, "from_pretrained", loaded)
        served = server.openai_api.Server(("127.0.0.1", 0), lambda: server.Model(model, "float32", "cpu"), model)
    thread = threading.Thread(target=served.serve_forever)
    thread.start()
    yield served
    served.shutdown()
    thread.join()
    served.server_close()


@pytest.fixture
def url(served: Any) -> str:
    return f"http://127.0.0.1:{served.server_address[1]}/v1"


def ask(url: str, **fields: Any) -> str:
    body = {"messages": [{"role": "user", "content": "hello"}], "max_tokens": 6, "ignore_eos": True, **fields}
    request = urllib.request.Request(f"{url}/chat/completions", json.dumps(body).encode())
    with urllib.request.urlopen(request, timeout=60) as answer:
        text: str = answer.read().decode()
    return text


def test_all_connections_are_served_by_one_thread_without_cudnn(url: str, seen: list[tuple[int, bool, int]]) -> None:
    lengths = [read for _, _, read in seen if read > 1]
    assert {2, 4, 8, 16, 32, 64, 128} == set(lengths)  # Warm before anybody is answered.
    warm = len(seen)
    with concurrent.futures.ThreadPoolExecutor(8) as clients:
        answers = list(clients.map(lambda number: ask(url, stream=bool(number % 2)), range(16)))
    assert len(answers) == 16 and len(seen) == warm + 16 * 6
    threads, with_cudnn, _ = zip(*seen, strict=True)
    assert len(set(threads)) == 1 and threads[0] != threading.get_ident() and not any(with_cudnn)


def test_every_token_has_a_chunk_of_its_own(url: str) -> None:
    """Also those that leave no text: when they came is all that tells when the prompt had been read."""
    told = ask(url, stream=True, max_tokens=20)
    events = [json.loads(line[6:]) for line in told.splitlines() if line.startswith("data: {")]
    assert len(events) == 1 + 20 + 1  # the role, the tokens, the end


def test_a_wrong_request_is_one_line_and_the_next_is_answered(url: str) -> None:
    for wrong in ({"temperature": -1}, {"messages": []}, {"max_tokens": 1 << 29}):
        with pytest.raises(urllib.error.HTTPError) as refused:
            ask(url, **wrong)
        with refused.value as error:
            assert error.code == 400 and "\n" not in json.load(error)["error"]["message"]
    assert "chat.completion" in ask(url)


def exchange(url: str, method: str, path: str, body: bytes | Iterator[bytes] | None = None, **headers: str) -> Any:
    """The status and the document of an answer, over one connection that must not be dropped."""
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
    try:
        connection.request(method, f"{parts.path}{path}", body, headers, encode_chunked=True)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def refusal(url: str, path: str, body: Any) -> str:
    status, told = exchange(url, "POST", path, body if isinstance(body, bytes) else json.dumps(body).encode())
    reason: str = told["error"]["message"]
    assert status == 400 and "\n" not in reason, (status, reason)
    return reason


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
