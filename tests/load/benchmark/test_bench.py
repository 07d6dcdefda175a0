"""The front door of the load generator: any server, one call, figures that can be trusted."""

import csv
import json
import socket
import statistics
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from infraray.errors import InfrarayError
from infraray.load.benchmark import Benchmark, bench
from infraray.load.presets import PRESETS
from infraray.load.workloads import Workload
from tests.certificates import make_certificate
from tests.load.tls_front import TlsFront
from tests.load.tokenizers_on_the_spot import make_words
from tests.openai_server import Reply, Server, refusal


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(make_words(tmp_path_factory.mktemp("words")))


@pytest.fixture(autouse=True)
def no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


def workload(**changes: Any) -> Workload:
    short = {"input_tokens": 30, "output_tokens": 6, "num_requests": 8, "traffic": [{"concurrency": 4}]}
    return Workload.parse("bench", {**short, **changes})


def prompts(server: Server) -> list[str]:
    return [seen.body["messages"][0]["content"] for seen in server.seen]


def test_figures_are_those_that_the_server_noted(words: str) -> None:
    with Server(Reply(first_s=0.1, gap_s=0.02)) as server:
        found = bench(server.url, workload(length_ratio=1.0), tokenizer=words)
    (one,) = found.traffics
    measured = server.seen[-8:]
    took = [seen.texts_s[0] - seen.received_s for seen in measured]
    assert found.model == "m" and one.metrics.completed == 8 and found.failed == 0
    assert one.metrics.ttft_s.mean == pytest.approx(statistics.mean(took), abs=0.05)
    assert one.metrics.tpot_s.mean == pytest.approx(0.02, abs=0.02)
    assert one.metrics.output_throughput == pytest.approx(8 * 6 / one.metrics.wall_s)
    assert one.input_throughput == pytest.approx(8 * 30 / one.metrics.wall_s)


def test_no_prompt_is_sent_twice_in_any_traffic_or_warm_up(words: str) -> None:
    asked = workload(traffic=[{"concurrency": 2}, {"concurrency": 4}, {"arrivals": "poisson", "rate": 200.0}])
    with Server(Reply()) as server:
        found = bench(server.url, asked, tokenizer=words)
    assert [one.traffic for one in found.traffics] == list(asked.traffic)
    # One to try the server out, and for each traffic two to warm up.
    assert len(prompts(server)) == 1 + 3 * (2 + 8) == len(set(prompts(server)))


def test_equal_seeds_send_equal_requests_and_others_other_ones(words: str) -> None:
    sent = []
    for seed in (3, 3, 4):
        with Server(Reply()) as server:
            bench(server.url, workload(), tokenizer=words, seed=seed)
        sent.append(sorted(prompts(server)[1:]))
    assert sent[0] == sent[1] != sent[2]


def test_the_model_is_the_first_that_the_server_lists_or_the_one_that_is_named(words: str) -> None:
    with Server(Reply()) as server:
        server.models = [{"id": "first"}, {"id": "second"}]
        assert bench(server.url, workload(), tokenizer=words).model == "first"
        assert bench(server.url, workload(), tokenizer=words, model="second").model == "second"
        assert server.seen[-1].body["model"] == "second"
        with pytest.raises(InfrarayError, match=r"model='secnd': .* does not serve it; did you mean second\?"):
            bench(server.url, workload(), tokenizer=words, model="secnd")
        server.models = None
        assert bench(server.url, workload(), tokenizer=words, model="third").model == "third"


def test_the_tokenizer_is_that_of_the_folder_which_the_server_names(words: str) -> None:
    with Server(Reply()) as server:
        server.models = [{"id": "m", "root": words}]
        found = bench(server.url, workload(length_ratio=1.0))
    assert found.tokenizer == words
    assert {len(prompt.split()) for prompt in prompts(server)[1:]} == {30}


def test_without_a_tokenizer_prompts_have_about_the_asked_length_by_the_servers_own_count() -> None:
    with Server(Reply()) as server:
        found = bench(server.url, workload(input_tokens=400, length_ratio=1.0))
    assert found.tokenizer is None
    lengths = [len(prompt.split()) for prompt in prompts(server)[-8:]]
    assert all(abs(length - 400) < 80 for length in lengths), lengths
    (one,) = found.traffics
    # Output is what the server counted, and estimates are no reason to doubt it.
    assert one.metrics.completed == 8 and not any("prompts" in warning for warning in one.warnings)
    assert one.input_throughput == pytest.approx(sum(lengths) / one.metrics.wall_s)


def test_a_server_that_counts_nothing_is_measured_all_the_same() -> None:
    with Server(Reply(trouble="no_usage")) as server:
        found = bench(server.url, workload())
    (one,) = found.traffics
    assert one.metrics.completed == 8
    assert any("8 answers came without usage" in warning for warning in one.warnings)


def test_a_key_is_taken_from_the_environment(words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with Server(Reply()) as server:
        server.key = "right"
        with pytest.raises(InfrarayError, match=r"asks for a key .* export it as OPENAI_API_KEY"):
            bench(server.url, workload(), tokenizer=words)
        monkeypatch.setenv("OPENAI_API_KEY", "wrong")
        with pytest.raises(InfrarayError, match="refuses the key in OPENAI_API_KEY") as refused:
            bench(server.url, workload(), tokenizer=words)
        assert "wrong" not in str(refused.value)
        monkeypatch.setenv("MY_KEY", "right")
        assert bench(server.url, workload(), tokenizer=words, api_key_env="MY_KEY").failed == 0
        monkeypatch.setenv("MY_KEY", '"right"')
        with pytest.raises(InfrarayError, match="MY_KEY has quotation marks in it"):
            bench(server.url, workload(), tokenizer=words, api_key_env="MY_KEY")


def test_a_server_that_wants_the_newer_name_of_the_limit_gets_it(words: str) -> None:
    said = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
    with Server(lambda body: refusal(400, said) if "max_tokens" in body else Reply()) as server:
        found = bench(server.url, workload(), tokenizer=words)
    assert found.failed == 0 and "max_completion_tokens" in server.seen[-1].body


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (refusal(400, "Unrecognized request argument supplied: ignore_eos"), "ignore_eos.*: --no-ignore-eos"),
        (refusal(400, "maximum context length is 12"), "a first request failed: refused: .*maximum context"),
        (Reply(trouble="no_http"), "a first request failed: malformed: "),
        (Reply(trouble="drop"), "a first request failed: closed: "),
    ],
)
def test_what_every_request_would_fail_of_is_one_line_before_any_load(script: Reply, said: str, words: str) -> None:
    with Server(script) as server, pytest.raises(InfrarayError, match=said) as failed:
        bench(server.url, workload(), tokenizer=words)
    assert len(server.seen) == 1 and "\n" not in str(failed.value)


def test_urls_at_which_there_is_no_api_are_one_line_with_what_to_do(words: str) -> None:
    with Server(Reply()) as server:
        root = server.url.removesuffix("/v1")
        with pytest.raises(InfrarayError, match=rf"HTTP 404; .* usually ends in /v1: is it {root}/v1\?"):
            bench(root, workload(), tokenizer=words)
        server.models = []
        with pytest.raises(InfrarayError, match="lists no model; give its name: --model"):
            bench(server.url, workload(), tokenizer=words)
    with pytest.raises(InfrarayError, match=r"no server answers \(.*refused\); start it, or give another URL"):
        bench(server.url, workload(), tokenizer=words)
    with pytest.raises(InfrarayError, match="must be http://host:port/v1"):
        bench("localhost:8000", workload(), tokenizer=words)


def test_a_server_that_speaks_something_else_is_one_line(words: str) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listening, ThreadPoolExecutor(1) as beside:

        def greet() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")

        greeted = beside.submit(greet)
        with pytest.raises(InfrarayError, match=r"the answer is not a list of models; is this an OpenAI-compatible"):
            bench(f"http://127.0.0.1:{listening.getsockname()[1]}/v1", workload(), tokenizer=words)
        greeted.result()


def test_a_server_behind_tls_is_measured_where_its_certificate_is_trusted(
    words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = make_certificate(tmp_path, "localhost")
    with Server(Reply()) as server, TlsFront(server.port, certificate) as front:
        url = f"https://localhost:{front.port}/v1"
        with pytest.raises(InfrarayError, match=r"its certificate is not trusted .* SSL_CERT_FILE"):
            bench(url, workload(), tokenizer=words)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
        assert bench(url, workload(), tokenizer=words).failed == 0


def test_a_tokenizer_that_is_none_is_one_line() -> None:
    with Server(Reply()) as server, pytest.raises(InfrarayError, match="holds no tokenizer"):
        bench(server.url, workload(), tokenizer="tests")


def test_goodput_counts_those_that_meet_all_limits(words: str) -> None:
    level = {"ttft_s": 0.25, "tpot_s": 10.0}
    with Server(Reply(first_s=0.5 if number % 2 else 0.0) for number in count()) as server:
        found = bench(server.url, workload(service_level=level, traffic=[{}], warmup_requests=0), tokenizer=words)
    (one,) = found.traffics
    assert one.metrics.goodput == pytest.approx(4 / one.metrics.wall_s)


def failing(words: str) -> Benchmark:
    """Of eight requests the last half fails."""
    with Server(Reply(trouble="drop" if number > 6 else "") for number in count()) as server:
        return bench(server.url, workload(traffic=[{"concurrency": 1}]), tokenizer=words)


def test_failures_are_counted_by_kind_and_never_hidden(words: str) -> None:
    found = failing(words)
    (one,) = found.traffics
    assert (one.metrics.completed, one.metrics.failures, found.failed) == (4, {"closed": 4}, 4)


def test_a_result_is_kept_whole_as_json_and_as_a_row_a_traffic(words: str, tmp_path: Path) -> None:
    found = failing(words)
    found.save(tmp_path / "found.json")
    kept = json.loads((tmp_path / "found.json").read_text())
    assert (kept["model"], kept["seed"], kept["workload"]["num_requests"]) == ("m", 0, 8)
    (one,) = kept["traffics"]
    assert one["metrics"]["failures"] == {"closed": 4} and len(one["requests"]) == 8
    done = [request for request in one["requests"] if request["failure"] is None]
    ttft = [request["first_text_s"] - request["due_s"] for request in done]
    assert one["metrics"]["ttft_s"]["mean"] == pytest.approx(statistics.mean(ttft))
    found.save(tmp_path / "found.csv")
    with (tmp_path / "found.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert float(row["metrics.ttft_s.p99"]) == found.traffics[0].metrics.ttft_s.p99
    assert row["metrics.failures.closed"] == "4" and row["traffic.concurrency"] == "1"


@pytest.mark.parametrize(("name", "said"), [("found.txt", "must end in .json or .csv"), ("no/found.json", "no folder")])
def test_a_file_that_cannot_be_is_refused(name: str, said: str, words: str, tmp_path: Path) -> None:
    with Server(Reply()) as server:
        found = bench(server.url, workload(num_requests=1), tokenizer=words)
    with pytest.raises(InfrarayError, match=said):
        found.save(tmp_path / name)


def test_what_watches_is_told_of_every_request(words: str) -> None:
    told: list[Any] = []

    @contextmanager
    def watching(label: str, requests: int):
        told.append((label, requests, ended := []))
        yield ended.append

    with Server(Reply()) as server:
        asked = workload(traffic=[{"concurrency": 4}, {"concurrency": 8}])
        bench(server.url, asked, tokenizer=words, watching=watching)
    assert [(label, requests, len(ended)) for label, requests, ended in told] == [
        ("burst, at most 4 at a time", 10, 10),
        ("burst, at most 8 at a time", 10, 10),
    ]


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_can_be_asked_for(name: str) -> None:
    assert Workload.parse("bench", PRESETS[name]).num_requests == PRESETS[name]["num_requests"]
