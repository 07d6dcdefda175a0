"""A key that is none, a path that is wrong and a proxy in the way are told, or kept out of it."""

import asyncio

import pytest

from infraray.agents.chat import ChatAgent, FixedEndpoint
from infraray.agents.chat.connections import connect
from infraray.errors import Unavailable
from tests.agents.chat.play import agent_at, play
from tests.openai_server import Server


@pytest.mark.parametrize(
    ("key", "fault"),
    [
        ("sk-secret ", "has blanks or line breaks in it"),
        (" sk-secret", "has blanks or line breaks in it"),
        ("sk-secret\n", "has blanks or line breaks in it"),
        ("sk-se\tcret", "has blanks or line breaks in it"),
        ("sk-se\u00a0cret", "has blanks or line breaks in it"),
        ("  ", "holds nothing but blanks"),
        ('"sk-secret"', "has quotation marks in it"),
        ("'sk-secret", "has quotation marks in it"),
        ("\u201csk-secret\u201d", "has quotation marks in it"),
        ("\u00bbsk-secret\u00ab", "has quotation marks in it"),
        ("sk-secr\u00e9t", "has characters in it that no key has"),
        ("sk-secret\u200b", "has characters in it that no key has"),
        ("sk-secret\x07", "has characters in it that no key has"),
    ],
)
@pytest.mark.parametrize("name", ["OPENAI_API_KEY", "MY_KEY"])
def test_a_key_that_is_none_is_told_at_the_start_and_not_shown(
    key: str, fault: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, key)
    options = {} if name == "OPENAI_API_KEY" else {"api_key_env": name}
    problem = ChatAgent("m", "http://localhost/v1", **options).problem()
    assert problem == f"{name} {fault}; export the key alone under this name" and "secr" not in problem


def test_a_key_that_may_be_one_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    for key in ("sk-proj-A1_b2-C3", "EMPTY", "a" * 500, "abc==", "user:token/+.~"):
        monkeypatch.setenv("OPENAI_API_KEY", key)
        assert ChatAgent("m", "http://localhost/v1").problem() is None


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("", r"\(status 404\); a base URL usually ends in /v1: is it http://127\.0\.0\.1:\d+/v1\?$"),
        ("/", r"is it http://127\.0\.0\.1:\d+/v1\?$"),
        ("/api", r"is it http://127\.0\.0\.1:\d+/api/v1\?$"),
        ("/api/v1", r"; is the path right\? A server may have no /v1"),
    ],
)
def test_a_404_mentions_the_path(path: str, hint: str) -> None:
    async def run() -> None:
        with Server() as server:
            with pytest.raises(Unavailable, match=hint):
                await play(ChatAgent("m", server.url.removesuffix("/v1") + path), 1)

    asyncio.run(run())


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_a_server_on_this_machine_is_asked_directly(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "http://127.0.0.1:9")

    async def run() -> None:
        with Server() as server:
            ((_, info),) = await play(agent_at(server, patience_s=1), 1)
            assert info["valid"]
            at = server.url.replace("127.0.0.1", "localhost")
            ((_, info),) = await play(ChatAgent("m", at, patience_s=1), 1)
            assert info["valid"]

    asyncio.run(run())


@pytest.mark.parametrize("started_here", [True, False])
def test_a_proxy_is_asked_for_what_the_run_did_not_start(started_here: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        with Server() as proxy:
            monkeypatch.setenv("HTTP_PROXY", proxy.url.removesuffix("/v1"))
            endpoints = FixedEndpoint("http://192.0.2.1:8000/v1")
            endpoints.started_here = started_here  # type: ignore[attr-defined]
            connection = connect(endpoints.base_url, "OPENAI_API_KEY", direct=started_here)
            answers = asyncio.create_task(connection.answers())
            done, _ = await asyncio.wait([answers], timeout=2.0)
            assert bool(done and answers.result()) is not started_here and bool(proxy.probes) is not started_here
            answers.cancel()

    asyncio.run(run())
