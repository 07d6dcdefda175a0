"""Whole measurements: warm-up, traffics, checks, warnings, and several clients."""

import json
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import ray

from infraray.errors import InfrarayError
from infraray.load.clients import clients_needed
from infraray.load.measurement import Measurement, measure
from infraray.load.presets import PRESETS
from infraray.load.requests import RequestSet, make_requests
from infraray.load.tokenizer import ModelTokenizer
from infraray.load.workloads import Workload
from tests.load.tokenizers_on_the_spot import make_words
from tests.openai_server import Reply, Server

pytestmark = pytest.mark.alone


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> ModelTokenizer:
    return ModelTokenizer(make_words(tmp_path_factory.mktemp("words")))


def workload(**changes: Any) -> Workload:
    return Workload.parse(
        "inference", {**PRESETS["C-cpu"], "input_tokens": 40, "output_tokens": 10, "warmup_requests": 3, **changes}
    )


def run(server: Server, asked: Workload, tokenizer: ModelTokenizer, **options: Any) -> tuple[Measurement, RequestSet]:
    requests = make_requests(asked, 21, tokenizer)
    return measure(server.url, "m", asked, requests, tokenizer, 21, **options), requests


def test_each_traffic_sends_all_requests_after_the_warm_up(tokenizer: ModelTokenizer) -> None:
    asked = workload(temperature=0.5)
    with Server(Reply(first_s=0.01, gap_s=0.002)) as server:
        result, requests = run(server, asked, tokenizer)
    sent = [seen.body["messages"][0]["content"] for seen in server.seen]
    assert sorted(sent[:3]) == sorted(one.prompt for one in requests.warmup)
    for part in (sent[3:19], sent[19:35], sent[35:]):
        assert sorted(part) == sorted(one.prompt for one in requests.requests)
    body = server.seen[-1].body
    assert body["model"] == "m" and body["temperature"] == 0.5 and body["ignore_eos"] and body["stream"]
    assert [one.metrics.completed for one in result.traffics] == [16] * 3
    assert [one.traffic for one in result.traffics] == list(asked.traffic)
    throughput = [one.metrics.request_throughput for one in result.traffics]
    assert result.score == pytest.approx((throughput[0] * throughput[1] * throughput[2]) ** (1 / 3))
    assert result.requests_sha256 == requests.sha256 and result.clients == 1
    # Four at a time, two, two.
    assert server.most_in_flight == 4


def test_an_honest_server_gives_no_warning_about_its_counts(tokenizer: ModelTokenizer) -> None:
    with Server(Reply(first_s=0.5)) as server:
        result, _ = run(server, workload(num_requests=4, traffic=[{}]), tokenizer)
    (one,) = result.traffics
    assert (one.usage.missing, one.usage.wrong_prompt, one.usage.text_ratio) == (0, 0, 1.0)
    assert one.client_lag.send_s.count == one.client_lag.receive_s.count == 4
    assert result.warnings == ()


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (
            Reply(usage={"prompt_tokens": 40, "completion_tokens": 10}, tokens=5),
            "hold 50% of the tokens that the server",
        ),
        (Reply(usage={"prompt_tokens": 1, "completion_tokens": 10}), "the server counts 4 prompts differently from"),
        (Reply(trouble="no_usage"), "4 answers came without usage"),
        (Reply(trouble="429"), "4 of 4 requests failed: 4 refused; the first: HTTP 429: "),
        (Reply(tokens=3), "4 of 4 requests failed: 4 wrong_length"),
    ],
)
def test_what_puts_the_figures_in_doubt_is_told(script: Reply, said: str, tokenizer: ModelTokenizer) -> None:
    asked = workload(num_requests=4, traffic=[{}], length_ratio=1.0)
    with Server(script) as server:
        result, _ = run(server, asked, tokenizer)
    assert any(said in warning for warning in result.warnings), result.warnings
    assert all(warning.startswith("burst: ") and "\n" not in warning for warning in result.warnings)


def test_a_client_that_is_late_says_so(tokenizer: ModelTokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    from infraray.load import generator

    class Slow(generator.Connection):
        def read(self, started: float) -> bool:
            time.sleep(0.02)
            return super().read(started)

    monkeypatch.setattr(generator, "Connection", Slow)
    asked = workload(num_requests=8, traffic=[{"arrivals": "constant", "rate": 100.0}])
    with Server(Reply(first_s=0.05)) as server:
        result, _ = run(server, asked, tokenizer)
    (one,) = result.traffics
    assert one.client_lag.receive_s.p99 > 0.015
    assert any("the client read up to" in warning and "give it a free core" in warning for warning in result.warnings)


def test_the_time_limit_holds_for_all_traffics_together(tokenizer: ModelTokenizer) -> None:
    import time

    with Server(Reply(first_s=0.1)) as server:
        before = time.perf_counter()
        result, _ = run(server, workload(), tokenizer, time_limit_s=0.9)
        took = time.perf_counter() - before
    assert 0.8 < took < 1.3
    assert result.traffics[0].metrics.completed == 16
    assert result.traffics[2].metrics.failures == {"unfinished": 16}
    assert result.score == 0


def test_equal_seeds_send_at_equal_times(tokenizer: ModelTokenizer) -> None:
    asked = workload(traffic=[{"arrivals": "poisson", "rate": 200.0}])
    with Server(Reply()) as server:
        first, second = (run(server, asked, tokenizer)[0] for _ in range(2))
    due = [[one.due_s for one in result.traffics[0].responses] for result in (first, second)]
    assert due[0] == due[1] and due[0] == sorted(due[0])


def test_a_result_is_json(tokenizer: ModelTokenizer, tmp_path: Path) -> None:
    with Server(Reply(trouble="429")) as server:
        result, _ = run(server, workload(num_requests=2), tokenizer)
    brief = json.loads(json.dumps(result.to_json(), allow_nan=False))
    assert brief["score"] == 0 and brief["traffics"][1]["traffic"]["rate"] == 32.0
    assert brief["traffics"][0]["metrics"]["ttft_s"]["p99"] is None
    assert "responses" not in brief["traffics"][0]


def test_the_score_of_the_papers_code_stands_beside_ours(tokenizer: ModelTokenizer) -> None:
    """For which every other answer, that failed at once, was served too, and the clock starts at the first sending."""
    asked = workload(num_requests=8, objective="request_throughput")
    with Server(Reply(trouble="429" if number % 2 else "") for number in count()) as server:
        result, _ = run(server, asked, tokenizer)
    paper = 1.0
    for traffic in result.traffics:
        first = min(one.sent_s for one in traffic.responses if one.sent_s is not None)
        paper *= 8 / (max(one.finished_s for one in traffic.responses) - first)
    assert result.paper_score == pytest.approx(paper ** (1 / len(result.traffics)))
    assert result.paper_score > 1.9 * result.score
    assert result.to_json()["paper_score"] == result.paper_score


def test_several_clients_are_actors_and_send_what_one_would(tokenizer: ModelTokenizer, ray_session: None) -> None:
    traffic = [{"concurrency": 5}, {"arrivals": "constant", "rate": 100.0}, {"concurrency": 1}]
    asked = workload(num_requests=30, traffic=traffic)
    with Server(Reply(first_s=0.05)) as server:
        result, requests = run(server, asked, tokenizer, clients=2)
    assert result.clients == 2
    for one in result.traffics:
        assert [answer.request for answer in one.responses] == list(range(30))
        assert one.metrics.completed == 30 and one.usage.wrong_prompt == 0
    due = [answer.due_s for answer in result.traffics[1].responses]
    assert due == pytest.approx([number / 100 for number in range(30)])
    # Both count from the same instant.
    received = {seen.body["messages"][0]["content"]: seen.received_s for seen in server.seen[-60:-30]}
    times = [received[one.prompt] - at for one, at in zip(requests.requests, due, strict=True)]
    assert max(times) - min(times) < 0.2


def test_more_clients_than_places_are_not_started(tokenizer: ModelTokenizer) -> None:
    with Server(Reply()) as server:
        result, _ = run(server, workload(num_requests=3, traffic=[{"concurrency": 1}]), tokenizer, clients=4)
    assert result.clients == 1


def test_the_published_scenarios_need_one_client() -> None:
    assert [clients_needed(Workload.parse("inference", PRESETS[name])) for name in "ABCD"] == [1, 1, 1, 1]
    # Of the traffic that allows most; without Ray it is one.
    many = workload(num_requests=2000, traffic=[{}, {"concurrency": 1}])
    assert clients_needed(many) == (8 if ray.is_initialized() else 1)


def test_wrong_arguments_are_one_line(tokenizer: ModelTokenizer) -> None:
    asked = workload()
    requests = make_requests(asked, 21, tokenizer)
    with pytest.raises(InfrarayError, match="clients=0: must be at least 1"):
        measure("http://127.0.0.1:1/v1", "m", asked, requests, tokenizer, 21, clients=0)
    with pytest.raises(InfrarayError, match="must be http://host:port/v1"):
        measure("ftp://127.0.0.1:1/v1", "m", asked, requests, tokenizer, 21)
