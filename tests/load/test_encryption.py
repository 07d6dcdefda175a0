"""Servers behind TLS are measured like others, and only those whose certificate is trusted."""

from pathlib import Path

import pytest

from infraray.load.exchange import Exchange
from infraray.load.generator import Load, generate_load
from infraray.load.responses import Response
from infraray.load.target import find_target
from tests.certificates import make_certificate
from tests.load.test_generator import TOLERANCE_S, read, request
from tests.load.tls_front import TlsFront
from tests.openai_server import WORD, Reply, Server


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_certificate(tmp_path_factory.mktemp("tls"), "localhost")


@pytest.fixture
def trusted(certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))


def play(
    host: str, port: int, prompts: list[str], tokens: int, request_timeout_s: float = 20
) -> tuple[list[Exchange], list[Response]]:
    target = find_target(f"https://{host}:{port}/v1", "completions", "secret")
    body = {"max_tokens": tokens, "stream": True, "stream_options": {"include_usage": True}}
    messages = [target.message({**body, "prompt": prompt}) for prompt in prompts]
    load = Load(messages, [0.0] * len(messages), concurrency=2, request_timeout_s=request_timeout_s)
    exchanges = generate_load(target, load)
    return exchanges, read(exchanges, [request(tokens, prompt) for prompt in prompts])


@pytest.mark.usefixtures("trusted")
def test_texts_and_times_come_through(certificate: tuple[Path, Path]) -> None:
    # A prompt of a megabyte does not go out at once, and some answers are longer than a record.
    prompts = ["one two", "one " * 250_000, "one", "one two three"]
    with (
        Server(Reply(first_s=0.1, gap_s=0.02)) as server,
        TlsFront(server.port, certificate) as front,
    ):
        _, responses = play("localhost", front.port, prompts, 5)
    assert [one.failure for one in responses] == [None] * 4, [one.reason for one in responses]
    assert [one.text for one in responses] == [WORD * 5] * 4
    assert [one.prompt_tokens for one in responses] == [2, 250_000, 1, 3]
    for one in responses:
        gaps = [later - at for at, later in zip(one.text_times_s, one.text_times_s[1:], strict=False)]
        assert gaps == pytest.approx([0.02] * 4, abs=TOLERANCE_S)
    assert front.connections == 2


@pytest.mark.usefixtures("trusted")
def test_answers_of_many_records_are_whole(certificate: tuple[Path, Path]) -> None:
    with Server(Reply()) as server, TlsFront(server.port, certificate) as front:
        _, (response,) = play("localhost", front.port, ["one"], 3000)
    assert response.failure is None and response.text == WORD * 3000


def test_a_certificate_that_nobody_signed_is_refused(certificate: tuple[Path, Path]) -> None:
    with Server(Reply()) as server, TlsFront(server.port, certificate) as front:
        _, (response,) = play("localhost", front.port, ["one"], 2)
    assert response.failure == "unreachable" and "certificate verify failed" in response.reason
    assert server.seen == []


@pytest.mark.usefixtures("trusted")
def test_a_certificate_of_another_host_is_refused(certificate: tuple[Path, Path]) -> None:
    with Server(Reply()) as server, TlsFront(server.port, certificate) as front:
        _, (response,) = play("127.0.0.1", front.port, ["one"], 2)
    assert response.failure == "unreachable" and "certificate verify failed" in response.reason
    assert server.seen == []


@pytest.mark.usefixtures("trusted")
def test_a_server_without_tls_is_told_apart() -> None:
    with Server(Reply(trouble="no_http")) as server:
        _, (response,) = play("localhost", server.port, ["one"], 2, request_timeout_s=1)
    assert response.failure in ("unreachable", "closed", "timeout")


def test_a_key_is_sent_and_never_shown() -> None:
    target = find_target("http://127.0.0.1:8000/v1", "chat", "secret")
    assert b"\r\nAuthorization: Bearer secret\r\n" in target.message({"prompt": "x"})
    assert b"Authorization" not in find_target("http://127.0.0.1:8000/v1", "chat").message({"prompt": "x"})
    assert "secret" not in repr(target)
