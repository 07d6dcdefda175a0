"""Servers that misbehave: each is one kind of failure, in words, and the others are not disturbed."""

import re
import socket
from itertools import count

import pytest

from infraray.load.exchange import Exchange
from infraray.load.generator import Load, generate_load
from infraray.load.metrics import compute_metrics
from infraray.load.responses import read_response
from infraray.load.target import find_target
from tests.load.test_generator import play, read, request
from tests.openai_server import Reply, Server

pytestmark = pytest.mark.alone


@pytest.mark.parametrize(
    ("trouble", "failure", "said"),
    [
        ("429", "refused", "HTTP 429: .*slow down"),
        ("cut", "closed", "closed the connection after|reset"),
        ("hang", "timeout", r"no end within 0.4 s \(request_timeout_s\)"),
        ("broken_json", "malformed", "no JSON: "),
        ("no_event", "malformed", "the event '17' is not an object"),
        ("no_http", "malformed", "begins with b'SSH-2.0-OpenSSH_9.6"),
        ("bad_chunk", "malformed", "chunk of size b'zz'"),
        ("negative_chunk", "malformed", "chunk of size b'-6'"),
        ("deep_json", "malformed", "no JSON: "),
        ("list_for_text", "malformed", "text \\[1, 2\\]"),
        ("error_event", "server_error", "the stream said: .*the engine died"),
        ("no_reason", "incomplete", "ended without a finish reason"),
        ("no_text", "incomplete", "the stream held no text"),
    ],
)
def test_a_trouble_fails_its_request_alone(trouble: str, failure: str, said: str) -> None:
    requests = [request(6) for _ in range(9)]

    replies = (Reply(gap_s=0.002, trouble=trouble if number % 3 == 1 else "") for number in count())
    with Server(replies) as server:
        exchanges = play(server, requests, concurrency=1, closed_loop=True, request_timeout_s=0.4)
    responses = read(exchanges, requests)
    assert [response.failure for response in responses] == [None, failure, None] * 3
    for response in responses[1::3]:
        assert re.search(said, response.reason), response.reason
        assert "\n" not in response.reason
    metrics = compute_metrics(responses)
    assert metrics.failures == {failure: 3} and metrics.completed == metrics.ttft_s.count == 6
    assert metrics.request_throughput == pytest.approx(6 / metrics.wall_s)


def test_a_server_that_hangs_up_without_a_word_is_asked_once_on_each_new_connection() -> None:
    requests = [request(1) for _ in range(4)]
    with Server(Reply(trouble="drop" if number else "") for number in count()) as server:
        responses = read(play(server, requests, concurrency=1, closed_loop=True), requests)
    assert [response.failure for response in responses] == [None, "closed", "closed", "closed"]
    # The second went out on the kept connection, and once more, since that may have been stale.
    assert len(server.seen) == 5


@pytest.mark.parametrize(
    ("halves", "text"), [((r"\ud83d", r"\ude00"), "\U0001f600"), ((r"\ud83d", "x"), "\N{REPLACEMENT CHARACTER}x")]
)
def test_an_emoji_cut_into_two_events_is_one_and_half_of_one_is_no_error(halves: tuple[str, str], text: str) -> None:
    lines = ['data: {"choices": [{"text": "%s"}]}\n' % half for half in halves]  # noqa: UP031
    lines.append('data: {"choices": [{"text": "", "finish_reason": "length"}]}\n')
    said = b"\r\n\r\n" + "".join(lines).encode()
    exchange = Exchange(0, 0.0, 0.0, 0.0, 1.0, 0.0, bytearray(said), [1.0], [len(said)], body_start=4, status=200)
    (response,) = read([exchange], [request(2)])
    assert response.failure is None and response.text == text


@pytest.mark.parametrize("trouble", ["comment", "trailer"])
def test_what_the_protocol_allows_is_no_trouble(trouble: str) -> None:
    requests = [request(6) for _ in range(4)]
    with Server(Reply(trouble=trouble)) as server:
        responses = read(play(server, requests, concurrency=1, closed_loop=True), requests)
    assert [response.failure for response in responses] == [None] * 4
    assert server.connections == 1


def test_an_output_that_ends_early_or_goes_on_is_no_success() -> None:
    requests = [request(6) for _ in range(4)]
    tokens = [6, 3, 9, 6]
    with Server(Reply(tokens=number) for number in tokens) as server:
        exchanges = play(server, requests, concurrency=1, closed_loop=True)
    responses = read(exchanges, requests)
    assert [response.failure for response in responses] == [None, "wrong_length", "wrong_length", None]
    assert responses[1].reason == "3 output tokens instead of 6"
    # Without ignore_eos a model may end when it likes; it may never go on.
    free = [
        read_response(exchange, one, lambda text: len(text.split()), False)
        for exchange, one in zip(exchanges, requests, strict=True)
    ]
    assert [response.failure for response in free] == [None, None, "wrong_length", None]


def test_an_output_of_no_tokens_or_fewer_is_no_success() -> None:
    usage = {"prompt_tokens": 3, "completion_tokens": -6}
    with Server(Reply(usage=usage)) as server:
        (exchange,) = play(server, [request(6)])
    assert read_response(exchange, request(6), len, False).failure == "wrong_length"


def test_wrong_usage_is_kept_beside_our_own_count() -> None:
    requests = [request(6)]
    with Server(Reply(tokens=2, usage={"prompt_tokens": 1, "completion_tokens": 6})) as server:
        (response,) = read(play(server, requests), requests)
    assert response.failure is None
    assert (response.output_tokens, response.text_tokens, response.prompt_tokens) == (6, 2, 1)


@pytest.mark.parametrize(("tokens", "failure"), [(6, None), (3, "wrong_length")])
def test_without_usage_tokens_are_counted_from_the_text(tokens: int, failure: str | None) -> None:
    requests = [request(6)]
    with Server(Reply(tokens=tokens, trouble="no_usage")) as server:
        (response,) = read(play(server, requests), requests)
    assert response.failure == failure
    assert response.output_tokens is None and response.tokens == tokens


def test_a_slow_first_byte_is_the_servers_and_not_the_clients() -> None:
    requests = [request(3) for _ in range(4)]
    with Server(Reply(first_s=0.5 if number == 2 else 0.0) for number in count()) as server:
        responses = read(play(server, requests, concurrency=1, closed_loop=True), requests)
    ttft = [response.text_times_s[0] - response.due_s for response in responses]
    assert ttft[2] == pytest.approx(0.5, abs=0.1) and max(ttft[:2] + ttft[3:]) < 0.2
    assert responses[2].receive_lag_s < 0.1


def test_no_server_at_all_is_unreachable_at_once() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    target = find_target(f"http://127.0.0.1:{port}/v1", "chat")
    load = Load([target.message({})] * 5, [0.0] * 5, concurrency=2)
    exchanges = generate_load(target, load)
    assert [(exchange.failure, exchange.reason) for exchange in exchanges] == [
        ("unreachable", "Connection refused")
    ] * 5
    assert all(exchange.finished_s < 1 for exchange in exchanges)


def test_failing_fast_raises_no_score() -> None:
    requests = [request(2) for _ in range(20)]
    with Server(Reply(first_s=0.05, trouble="429" if number % 2 else "") for number in count()) as server:
        half = compute_metrics(read(play(server, requests, concurrency=1, closed_loop=True), requests))
    assert half.completed == 10
    assert half.request_throughput == pytest.approx(10 / half.wall_s)
    assert half.request_throughput < 1 / 0.05


def body_of(said: bytes) -> Exchange:
    received = b"\r\n\r\n" + said
    return Exchange(0, 0.0, 0.0, 0.0, 1.0, 0.0, bytearray(received), [1.0], [len(received)], body_start=4, status=200)


TEXT = b'{"choices": [{"index": 0, "delta": {"content": "a b"}}]}'
END = b'{"choices": [{"index": 0, "delta": {}, "finish_reason": "length"}]}'


@pytest.mark.parametrize(
    "body",
    [
        b"data: %b\n\ndata: %b\n\n" % (TEXT, END),
        b"\xef\xbb\xbfdata:%b\r\n\r\ndata:%b\r\n\r\n" % (TEXT, END),
        b": ping\r\revent: ping\rdata: still here\r\rdata: %b\r\rdata: %b\r\r" % (TEXT, END),
        b"data:\n\ndata: %b\n\ndata\n\ndata: %b\n\ndata: [DONE]\n\ndata: nonsense\n\n" % (TEXT, END),
        b"data: %b\n\n" % TEXT.replace(b", ", b",\ndata: ") + b"id: 7\ndata: %b\n\n" % END,
        b' {"choices": [{"message": {"content": "a b"}, "finish_reason": "MAX_TOKENS"}]}',
        b'{"choices": [{"message": {"content": [{"text": "a "}, {"text": "b"}]}, "finish_reason": "length"}]}',
        b'{"choices": [{"index": 1, "text": "no"}, {"index": 0, "text": "a b", "finish_reason": "length"}]}',
        b'data: {"choices": [{"index": 1, "delta": {"content": "no"}}]}\n\ndata: %b\n\ndata: %b\n\n' % (TEXT, END),
    ],
)
@pytest.mark.parametrize(
    ("usage", "counts"),
    [
        (b'{"prompt_tokens": 3, "completion_tokens": 2}', (3, 2)),
        (b'{"prompt_tokens": "3", "completion_tokens": 2}', (None, 2)),
        (b'{"prompt_tokens": 3, "completion_tokens": 2.0}', (3, None)),
        (b'{"prompt_tokens": 1e999, "completion_tokens": true}', (None, None)),
        (b"[3, 2]", (None, None)),
    ],
)
def test_an_answer_is_read_in_every_form_in_which_servers_send_it(
    body: bytes, usage: bytes, counts: tuple[int | None, int | None]
) -> None:
    if body.lstrip().startswith(b"{"):
        body = body.strip().removesuffix(b"}") + b', "usage": %b}' % usage
    else:
        body = body.replace(END, END[:-1] + b', "usage": %b}' % usage)
    response = read_response(body_of(body), request(2), len, True)
    assert response.failure is None and response.text == "a b", response.reason
    assert (response.prompt_tokens, response.output_tokens) == counts


@pytest.mark.parametrize(
    ("last", "failure", "said"),
    [
        (END.replace(b"length", b"abort"), "server_error", "broke off: finish_reason 'abort'"),
        (b'{"error": {"code": 429, "message": "slow down"}}', "refused", "429: .*slow down"),
        (b'{"choices": [{"delta": {}, "error": {"code": 502, "message": "gone"}}]}', "refused", "502: .*gone"),
        (b'{"error": "gone"}', "server_error", "the stream said: gone"),
        (b'{"object": "error", "message": "gone"}', "server_error", "gone"),
    ],
)
def test_an_answer_that_the_server_broke_off_is_no_success(last: bytes, failure: str, said: str) -> None:
    response = read_response(body_of(b"data: %b\n\ndata: %b\n\n" % (TEXT, last)), request(2), len, False)
    assert response.failure == failure and re.search(said, response.reason), response.reason
