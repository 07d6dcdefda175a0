"""The load generator against a server that notes its own times."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from infraray.errors import InfrarayError
from infraray.load.exchange import Exchange
from infraray.load.generator import Load, generate_load
from infraray.load.requests import Request
from infraray.load.responses import Response, read_response
from infraray.load.target import find_target
from tests.openai_server import WORD, Reply, Server

pytestmark = pytest.mark.alone

TOLERANCE_S = 0.05
"""What two threads of a busy machine may differ."""


def request(tokens: int = 5, prompt: str = "one two three") -> Request:
    return Request(prompt, len(prompt.split()), tokens, "test")


def play(server: Server, requests: list[Request], endpoint: Any = "chat", **load: Any) -> list[Exchange]:
    target = find_target(server.url, endpoint)
    said = [
        {"messages": [{"content": one.prompt}]} if endpoint == "chat" else {"prompt": one.prompt} for one in requests
    ]
    messages = [
        target.message(
            {**prompt, "max_tokens": one.output_tokens, "stream": True, "stream_options": {"include_usage": True}}
        )
        for prompt, one in zip(said, requests, strict=True)
    ]
    load.setdefault("due_s", [0.0] * len(messages))
    return generate_load(target, Load(messages, **load))


def read(exchanges: list[Exchange], requests: list[Request]) -> list[Response]:
    return [
        read_response(exchange, one, lambda text: len(text.split()), True)
        for exchange, one in zip(exchanges, requests, strict=True)
    ]


@pytest.mark.parametrize("framing", ["chunked", "length", "close"])
@pytest.mark.parametrize("endpoint", ["chat", "completions"])
def test_texts_tokens_and_times_are_those_that_the_server_sent(endpoint: str, framing: str) -> None:
    requests = [request(tokens) for tokens in (1, 2, 8)]
    with Server(Reply(first_s=0.05, gap_s=0.02, framing=framing)) as server:
        before = time.perf_counter()
        responses = read(play(server, requests, endpoint, concurrency=1, closed_loop=True), requests)
    for response, seen, asked in zip(responses, server.seen, requests, strict=True):
        assert response.failure is None
        assert response.text == WORD * asked.output_tokens
        assert response.tokens == response.text_tokens == asked.output_tokens
        assert response.prompt_tokens == 3
        assert response.finish_reason == "length"
        assert response.sent_s is not None and response.last_s is not None
        measured = [at - response.sent_s for at in response.text_times_s]
        noted = [at - seen.received_s for at in seen.texts_s]
        assert measured == pytest.approx(noted, abs=TOLERANCE_S)
        assert response.sent_s == pytest.approx(seen.received_s - before, abs=TOLERANCE_S)
        assert response.text_times_s[0] == response.first_chunk_s
        assert response.text_times_s[-1] <= response.last_s <= response.finished_s


def test_events_cut_into_many_reads_are_put_together() -> None:
    requests = [request(6)]
    with Server(Reply(gap_s=0.03, writes=4)) as server:
        (response,) = read(play(server, requests), requests)
    assert response.text == WORD * 6 and response.failure is None
    # An event counts from its last byte.
    gaps = [later - at for at, later in zip(response.text_times_s, response.text_times_s[1:], strict=False)]
    assert gaps == pytest.approx([0.03] * 5, abs=TOLERANCE_S)


def test_requests_go_out_when_they_are_due_and_not_before() -> None:
    requests = [request() for _ in range(20)]
    due = [number * 0.05 for number in range(20)]
    with Server(Reply(first_s=0.4)) as server:
        before = time.perf_counter()
        responses = read(play(server, requests, due_s=due), requests)
    for response, seen, at in zip(responses, server.seen, due, strict=True):
        assert response.due_s == at
        assert response.sent_s is not None and 0 <= response.sent_s - at < TOLERANCE_S
        assert response.send_lag_s == response.sent_s - at
        assert seen.received_s - before == pytest.approx(at, abs=TOLERANCE_S)
    assert server.most_in_flight >= 6


def test_a_stalled_server_is_charged_for_those_that_it_kept_waiting() -> None:
    # One at a time, due every 50 ms, each answered after 200 ms: the k-th waits 150 ms more than the one before.
    requests = [request(1) for _ in range(6)]
    due = [number * 0.05 for number in range(6)]
    with Server(Reply(first_s=0.2)) as server:
        responses = read(play(server, requests, due_s=due, concurrency=1), requests)
    for number, response in enumerate(responses):
        assert response.sent_s is not None
        assert response.text_times_s[0] - response.sent_s == pytest.approx(0.2, abs=TOLERANCE_S)
        assert response.text_times_s[0] - response.due_s == pytest.approx(0.2 + 0.15 * number, abs=4 * TOLERANCE_S)
        # That was the server's doing: the client itself was on time.
        assert response.send_lag_s < TOLERANCE_S


def test_a_closed_loop_is_due_when_a_place_becomes_free() -> None:
    requests = [request(1) for _ in range(8)]
    with Server(Reply(first_s=0.05)) as server:
        responses = read(play(server, requests, concurrency=2, closed_loop=True), requests)
    ends = sorted(response.finished_s for response in responses)
    assert [response.due_s for response in responses] == [0.0, 0.0, *ends[:6]]
    assert server.most_in_flight == 2


@pytest.mark.parametrize("concurrency", [1, 3, 16])
def test_no_more_are_in_flight_than_allowed(concurrency: int) -> None:
    requests = [request(2) for _ in range(40)]
    with Server(Reply(first_s=0.01, gap_s=0.005)) as server:
        responses = read(play(server, requests, concurrency=concurrency, closed_loop=True), requests)
    assert server.most_in_flight == concurrency
    assert all(response.failure is None for response in responses)
    # Connections are kept: there are no more than places.
    assert server.connections == concurrency


def test_a_burst_without_a_limit_is_all_in_flight_at_once() -> None:
    requests = [request(2) for _ in range(300)]
    with Server(Reply(first_s=1.0)) as server:
        responses = read(play(server, requests), requests)
    assert server.most_in_flight == 300
    assert all(response.failure is None for response in responses)


def test_large_prompts_arrive_whole() -> None:
    requests = [request(1, prompt="wörd " * 200_000), request(1, prompt="漢 " * 100_000)]
    with Server(Reply()) as server:
        responses = read(play(server, requests), requests)
    assert all(response.failure is None for response in responses)
    got = {seen.body["messages"][0]["content"] for seen in server.seen}
    assert got == {one.prompt for one in requests}


def test_a_connection_closed_while_idle_is_no_failure() -> None:
    requests = [request(1) for _ in range(5)]
    with Server(Reply(trouble="close_after")) as server:
        responses = read(play(server, requests, concurrency=1, closed_loop=True), requests)
    assert [response.failure for response in responses] == [None] * 5
    assert server.connections == 5


def test_the_lag_of_reading_is_measured_and_small_on_an_idle_client() -> None:
    requests = [request(4) for _ in range(10)]
    with Server(Reply(first_s=0.02, gap_s=0.01)) as server:
        responses = read(play(server, requests, concurrency=1, closed_loop=True), requests)
    lags = [response.receive_lag_s for response in responses]
    assert all(0 < lag < TOLERANCE_S for lag in lags)


def test_the_lag_of_reading_shows_a_client_that_is_held_up(monkeypatch: pytest.MonkeyPatch) -> None:
    from infraray.load import generator

    class Slow(generator.Connection):
        def read(self, started: float) -> bool:
            time.sleep(0.2)
            return super().read(started)

    monkeypatch.setattr(generator, "Connection", Slow)
    requests = [request(1) for _ in range(3)]
    with Server(Reply()) as server:
        responses = read(play(server, requests, concurrency=1, closed_loop=True), requests)
    assert all(response.receive_lag_s > 0.19 for response in responses)


def test_the_lag_of_reading_shows_what_was_read_late_and_at_once() -> None:
    # The kernel tells when the newest of the bytes came, 20 ms before at most.
    with subprocess.Popen(
        [sys.executable, "-c", STOPS_ITS_CLIENT, str(os.getpid())], stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        target = find_target(f"http://127.0.0.1:{server.stdout.readline().strip()}/v1", "completions")
        (exchange,) = generate_load(target, Load([target.message({"prompt": "x"})], [0.0]))
    assert exchange.failure is None
    assert 0.35 < exchange.receive_lag_s < 0.8


STOPS_ITS_CLIENT = """
import os, signal, socket, sys, time
listening = socket.create_server(("127.0.0.1", 0))
print(listening.getsockname()[1], flush=True)
connection, _ = listening.accept()
connection.recv(65536)
connection.sendall(b"HTTP/1.1 200 OK\\r\\nConnection: close\\r\\n\\r\\n")
for number in range(40):
    connection.sendall(b'data: {"choices": [{"text": "a"}]}\\n\\n')
    time.sleep(0.02)
    if number in (10, 30):
        os.kill(int(sys.argv[1]), signal.SIGSTOP if number == 10 else signal.SIGCONT)
"""


def test_an_event_without_text_is_no_first_token() -> None:
    requests = [request(3)]
    with Server(Reply(first_s=0.3, role_first=True)) as server:
        (response,) = read(play(server, requests), requests)
    assert response.first_chunk_s is not None and response.sent_s is not None
    assert response.first_chunk_s - response.sent_s < 0.2
    assert response.text_times_s[0] - response.sent_s == pytest.approx(0.3, abs=TOLERANCE_S)


def test_the_time_limit_ends_everything() -> None:
    requests = [request(1) for _ in range(6)]
    with Server(Reply(first_s=0.15)) as server:
        before = time.perf_counter()
        responses = read(play(server, requests, concurrency=1, closed_loop=True, time_limit_s=0.4), requests)
        took = time.perf_counter() - before
    assert took == pytest.approx(0.4, abs=TOLERANCE_S)
    assert [response.failure for response in responses] == [None, None] + ["unfinished"] * 4
    assert [response.sent_s is None for response in responses] == [False] * 3 + [True] * 3


def test_a_request_has_the_fields_of_openai_in_its_body() -> None:
    with Server(Reply()) as server:
        play(server, [request(2)])
        content = json.loads(find_target(server.url, "chat").message({"max_tokens": 2}).partition(b"\r\n\r\n")[2])
    assert content == {"max_tokens": 2}
    assert server.seen[0].body["stream_options"] == {"include_usage": True}


@pytest.mark.parametrize("url", ["ftp://127.0.0.1:1/v1", "127.0.0.1:8000", "http:///v1", "http://h:99999/v1", ""])
def test_what_is_no_http_url_is_one_line(url: str) -> None:
    with pytest.raises(InfrarayError, match="must be http://host:port/v1"):
        find_target(url, "chat")


def test_a_name_of_several_addresses_is_the_one_that_answers() -> None:
    with Server(Reply()) as server:
        target = find_target(server.url.replace("127.0.0.1", "localhost"), "chat")
    assert target.address[0] == "127.0.0.1" and target.host == f"localhost:{server.port}"


def test_an_unknown_host_is_one_line() -> None:
    with pytest.raises(InfrarayError, match="the host is not known"):
        find_target("http://no-such-host.invalid:80/v1", "chat")


def test_nothing_to_send_is_no_work(tmp_path: Path) -> None:
    with Server(Reply()) as server:
        assert play(server, []) == []


@pytest.mark.parametrize("allowed", [True, False])
def test_the_load_is_first_in_line_where_the_kernel_allows_it(monkeypatch: pytest.MonkeyPatch, allowed: bool) -> None:
    given = [(os.SCHED_OTHER, 0)]

    def set_scheduler(thread: int, policy: int, param: os.sched_param) -> None:
        assert thread == 0
        if not allowed:
            raise PermissionError
        given.append((policy, param.sched_priority))

    monkeypatch.setattr(os, "sched_setscheduler", set_scheduler)
    during: list[tuple[int, int]] = []

    def script(body: dict[str, Any]) -> Reply:
        during.append(given[-1])
        return Reply()

    with Server(script) as server:
        (exchange,) = play(server, [request()])
    assert exchange.failure is None
    assert during == [(os.SCHED_RR, 1) if allowed else given[0]]
    assert given[-1] == given[0]
