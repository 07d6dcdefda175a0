"""``infraray bench``: from a URL to figures, and from a mistake to one line."""

import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.load.tokenizers_on_the_spot import make_words
from tests.openai_server import Reply, Server


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with Server(Reply(first_s=0.02, gap_s=0.001)) as running:
        yield running


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    words = str(make_words(tmp_path_factory.mktemp("words")))
    return ["--tokenizer", words, "--input-tokens", "30", "--output-tokens", "5", "--requests", "6"]


def test_a_url_is_all_that_is_needed(command, server: Server) -> None:
    said = command("bench", server.url, "-n", 16)
    assert said.status == 0, said.error
    assert "m at http://127.0.0.1" in said.out and "burst, at most 8 at a time" in said.out
    assert "16 of 16 succeeded" in said.out and "the lengths of prompts are estimates" in said.out
    rows = {line.split()[0]: line.split()[1:] for line in said.out.splitlines() if line[:4] in ("TTFT", "TPOT", "E2E ")}
    assert set(rows) == {"TTFT", "TPOT", "E2E"} and all(len(row) == 5 for row in rows.values())
    assert float(rows["TTFT"][0]) >= 20 and float(rows["E2E"][1]) >= float(rows["TTFT"][1])
    assert "client lag" in said.out and "prompt tokens/s" in said.out
    assert said.error == "burst, at most 8 at a time: 18 requests\n"


def test_rates_and_limits_with_commas_are_measured_one_by_one_and_compared(command, server: Server, short) -> None:
    said = command("bench", server.url, *short, "--rate", "50,100", "--slo", "ttft=5s,tpot=900ms", "-q")
    assert said.status == 0, said.error
    assert "goodput" in said.out and "100.0% of the requests have TTFT <= 5000 ms, TPOT <= 900 ms" in said.out
    compared = [line for line in said.out.splitlines() if line.startswith("poisson, ")]
    assert [line.split(" requests/s")[0] for line in compared] == ["poisson, 50", "poisson, 100"] * 2
    said = command("bench", server.url, *short, "--concurrency", "1,2,4", "-q", "--percentiles", "5,99.9")
    assert said.out.count("at a time") == 6 and "p5 " in said.out and "p99.9" in said.out and "p50" not in said.out


def test_a_preset_is_changed_by_flags(command, server: Server, short, tmp_path: Path) -> None:
    out = tmp_path / "found.json"
    flags = ["-p", "C-cpu", *short, "--length-ratio", "1", "--endpoint", "completions", "--no-ignore-eos", "-o", out]
    said = command("bench", server.url, *flags, "--warmup", "0", "--seed", "9", "--temperature", "0.5", "-q")
    assert said.status == 0 and said.out.endswith(f"written to {out}\n"), said.error
    kept = json.loads(out.read_text())
    assert [one["traffic"]["arrivals"] for one in kept["traffics"]] == ["burst", "poisson", "constant"]
    assert kept["seed"] == 9 and kept["workload"]["endpoint"] == "completions"
    body = server.seen[-1].body
    assert "ignore_eos" not in body and body["temperature"] == 0.5 and len(body["prompt"].split()) == 30
    assert len(server.seen) == 1 + 3 * 6


def test_failed_requests_are_an_exit_status_of_their_own(command, server: Server, short) -> None:
    server.says = (Reply(trouble="drop" if number > 4 else "") for number in count())
    said = command("bench", server.url, *short, "-q")
    assert said.status == 1
    assert "failed: " in said.out and "closed" in said.out and "warning: " in said.out


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--requests", "0"], "--requests=0: must be greater than or equal to 1"),
        (["--rate", "-1"], "--rate=-1.0: must be greater than 0"),
        (["--rate", "fast"], "--rate 'fast': must be a number or several with commas, such as 4 or 1,2,4.5"),
        (["--concurrency", "1,0"], "--concurrency=0: must be greater than or equal to 1"),
        (["--rate", "1,2", "--concurrency", "1,2"], "only one of them can be several"),
        (["--arrivals", "poisson"], "--arrivals poisson: needs a --rate"),
        (["--arrivals", "gamma", "--rate", "1"], "--arrivals='gamma': must be"),
        (["--preset", "C-quik"], "--preset C-quik: no such workload; did you mean C-quick"),
        (["--slo", "ttft=200"], "--slo 'ttft=200': ttft='200': must be a time such as 200ms or 1.5s"),
        (["--slo", "ttf=200ms"], "no latency 'ttf'; did you mean ttft?"),
        (["--slo", "ttft=1s,ttft=2s"], "names ttft twice"),
        (["--slo", "ttft=0ms"], "must be greater than 0"),
        (["--percentiles", "50,101"], "must be numbers from 0 to 100"),
        (["--endpoint", "responses"], "--endpoint='responses': must be 'chat' or 'completions'"),
        (["--out", "found.txt"], "--out found.txt: must end in .json or .csv"),
        (["--out", "no-such-folder/found.csv"], "there is no folder no-such-folder"),
        (["--timeout", "0"], "--timeout=0.0: must be greater than 0"),
        (["--model", "other"], "does not serve it; known are m"),
    ],
)
def test_a_mistake_is_one_line_and_nothing_is_sent(flags: list[str], said: str, command, server: Server) -> None:
    told = command("bench", server.url, *flags)
    assert told.status == 2 and said in told.error and told.error.count("\n") == 1, told
    assert server.seen == []


def test_a_server_that_is_not_there_is_one_line(command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with Server(Reply()) as gone:
        pass
    told: Any = command("bench", gone.url)
    assert told.status == 2 and "no server answers" in told.error and told.error.count("\n") == 1
