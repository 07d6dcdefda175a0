"""vLLM on the CPU: started, asked, killed, routed to, and compared with the reference server.

The tests share two replicas and run in the order in which they stand; the last one ends them.
"""

import asyncio
import json
import os
import signal
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import ray
from ray.exceptions import RayTaskError

from infraray.actors.engine import start_engine
from infraray.actors.engine_pool import PoolEndpoints, PoolStatus, start_engine_pool
from infraray.engines import EngineSpec
from infraray.engines.supervisor import descendants
from infraray.errors import InfrarayError
from tests.engines.conftest import ENV, FLAGS
from tests.engines.fakes import eventually, exists, listens

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("ray_session"), pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def pool(model: str, ray_session: None) -> Iterator[Any]:
    spec = EngineSpec(name="tiny", model=model, flags=FLAGS, env=ENV, num_cpus=0, replicas=2, ready_timeout_s=200)
    pool = start_engine_pool(spec)
    try:
        ray.get(pool.start.remote())
        yield pool
    finally:
        ray.get(pool.stop.remote())
        ray.kill(pool)


def call(pool: Any, method: str, *arguments: Any) -> Any:
    return asyncio.run(getattr(PoolEndpoints(pool, EngineSpec(engine="url", url="http://unused")), method)(*arguments))


def status_of(pool: Any) -> PoolStatus:
    status: PoolStatus = ray.get(pool.status.remote())
    return status


def ask(url: str, model: str, content: str, **fields: Any) -> Any:
    """One chat request; the events of a stream, or the answer."""
    body = {"model": model, "messages": [{"role": "user", "content": content}], "temperature": 0, **fields}
    request = urllib.request.Request(
        f"{url}/chat/completions", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        if not fields.get("stream"):
            return json.load(answer)
        lines = [line.removeprefix(b"data: ").strip() for line in answer if line.startswith(b"data: ")]
    assert lines.pop() == b"[DONE]"
    return [json.loads(line) for line in lines]


def text_of(events: list[Any]) -> str:
    return "".join(event["choices"][0]["delta"].get("content") or "" for event in events if event["choices"])


def test_a_chat_is_answered_with_its_usage(pool: Any, model: str) -> None:
    answer = ask(call(pool, "assign", "chat"), model, "hello", max_tokens=8, ignore_eos=True)
    assert answer["usage"]["completion_tokens"] == 8
    assert answer["choices"][0]["finish_reason"] == "length"
    call(pool, "release", "chat")


def test_the_reference_server_says_the_same_as_vllm(pool: Any, model: str) -> None:
    spec = EngineSpec(engine="transformers", model=model, flags={"dtype": "float32"}, num_cpus=0, env=ENV)
    reference = start_engine(spec)
    try:
        ours, theirs = ray.get(reference.start.remote()), call(pool, "assign", "compare")
        for content in ("hello world", "server 1 2 3", "é ß 漢字"):
            asked = {"max_tokens": 32, "ignore_eos": True, "stream": True, "stream_options": {"include_usage": True}}
            mine, vllms = (ask(url, model, content, **asked) for url in (ours, theirs))
            # At the end vLLM keeps half a character to itself.
            assert text_of(mine).rstrip("\ufffd") == text_of(vllms).rstrip("\ufffd") != ""
            for events in (mine, vllms):
                assert events[-1]["choices"] == [] and events[-1]["usage"]["completion_tokens"] == 32
            assert mine[-1]["usage"]["prompt_tokens"] == vllms[-1]["usage"]["prompt_tokens"]
            whole = ask(ours, model, content, max_tokens=32, ignore_eos=True)
            assert whole["choices"][0]["message"]["content"] == text_of(mine)
        call(pool, "release", "compare")
    finally:
        ray.get(reference.stop.remote())
        ray.kill(reference)


def test_two_replicas_share_the_conversations(pool: Any, model: str) -> None:
    given = {name: call(pool, "assign", name) for name in "abcd"}
    assert sorted(list(given.values()).count(url) for url in set(given.values())) == [2, 2]
    assert all(call(pool, "assign", name) == url for name, url in given.items())
    for url in set(given.values()):
        assert ask(url, model, "hello", max_tokens=2)["usage"]["completion_tokens"] <= 2


def test_wrong_flags_and_missing_models_are_one_line(model: str) -> None:
    cases = {
        "unrecognized arguments: --frobnicate": {"flags": {"frobnicate": 3}},
        "ValidationError: User-specified max_model_len (999999)": {"flags": {"max_model_len": 999_999}},
        "LocalEntryNotFoundError: Cannot find": {"model": "nobody/no-such-model"},
    }
    specs = [
        EngineSpec(**{"name": "wrong", "model": model, "env": ENV, "num_cpus": 0, **case}) for case in cases.values()
    ]
    engines = [start_engine(spec) for spec in specs]
    for reason, start in zip(cases, [engine.start.remote() for engine in engines], strict=True):
        with pytest.raises(RayTaskError) as refused:
            ray.get(start)
        told = refused.value.cause
        assert isinstance(told, InfrarayError)
        assert f"did not start: {reason}" in str(told) and "\n" not in str(told)
    for engine in engines:
        ray.kill(engine)


def test_an_engine_killed_mid_way_hands_over_and_is_restarted(pool: Any, model: str) -> None:
    lost = call(pool, "assign", "mid-way")
    server = next(status for status in status_of(pool).replicas if status.url == lost)
    assert server.pid is not None
    pids = descendants(server.pid)
    os.kill(pids[1], signal.SIGKILL)  # below the inner supervisor stands vLLM's API server
    call(pool, "failed", "mid-way", lost)
    began = time.monotonic()
    other = call(pool, "assign", "mid-way")
    assert other != lost and time.monotonic() - began < 5
    assert ask(other, model, "hello", max_tokens=2)["choices"]
    assert eventually(lambda: not any(map(exists, pids)) and not listens(lost))
    assert eventually(lambda: all(status.state == "ready" for status in status_of(pool).replicas), 150)
    assert sum(status.restarts for status in status_of(pool).replicas) == 1


def test_an_actor_killed_and_a_pool_stopped_leave_no_process_and_no_port(pool: Any) -> None:
    replicas = status_of(pool).replicas
    below = {status.url: [status.pid or 0, *descendants(status.pid or 0)] for status in replicas}
    assert all(len(pids) >= 4 for pids in below.values())  # two supervisors, the API server, the engine core
    first = replicas[0]
    actor = int(Path(f"/proc/{first.pid}/stat").read_text().rpartition(")")[2].split()[1])
    os.kill(actor, signal.SIGKILL)
    assert eventually(lambda: not any(map(exists, below[first.url])) and not listens(first.url))
    ray.get(pool.stop.remote())
    assert not any(exists(pid) for pids in below.values() for pid in pids)
    assert not any(map(listens, below))
