"""Probes are new each time, have their lengths, and go to real servers."""

import json
import threading
import time

import pytest

from infraray.errors import InfrarayError
from infraray.load.requests import Request
from infraray.load.tokenizer import ModelTokenizer
from infraray.load.workloads import Workload
from infraray.scenarios.inference.integrity import (
    ProbeAnswers,
    ProbeSet,
    ask_opinion,
    ask_probes,
    check_can_probe,
    opinion,
    plan_probes,
)
from infraray.scenarios.inference.integrity.likelihood import likelihood, read_logprobs, told_likelihood
from tests.load.tokenizers_on_the_spot import make_byte_level_bpe, make_metaspace_bpe
from tests.openai_server import Reply, Server
from tests.scenarios.inference_gates.made_up_evidence import response, token

WORKLOAD = Workload(input_tokens=2048, output_tokens=512, num_requests=4)


@pytest.fixture(scope="module", params=[make_byte_level_bpe, make_metaspace_bpe])
def tokenizer(request, tmp_path_factory):
    return ModelTokenizer(request.param(tmp_path_factory.mktemp("tokenizer")))


def test_prompts_have_their_lengths_and_are_never_the_same(tokenizer):
    first, second = (plan_probes(WORKLOAD, tokenizer) for _ in range(2))
    lengths = {(group, probe.prompt_tokens) for group in ("short", "long") for probe in getattr(first, group)}
    assert lengths == {("short", 319), ("long", 2552)}
    assert all(tokenizer.count_prompt(probe.prompt, "chat") == probe.prompt_tokens for probe in first.long)
    prompts = [probe.prompt for plan in (first, second) for probe in (*plan.short, *plan.repeated, *plan.fingerprints)]
    assert len(set(prompts)) == len(prompts)


def test_a_canarys_prompts_differ_in_one_passage_at_its_place(tokenizer):
    canaries = plan_probes(WORKLOAD, tokenizer).canaries
    assert [canary.place for canary in canaries] == ["beginning"] * 12 + ["end"] * 12
    for canary in canaries:
        first, second = (probe.prompt for probe in canary.probes)
        same_end = next(n for n in range(len(first)) if first[-n - 1] != second[-n - 1])
        same_start = next(n for n in range(len(first)) if first[n] != second[n])
        assert (same_end > 500) == (canary.place == "beginning")
        assert (same_start > 500) == (canary.place == "end")


def test_a_template_that_is_longer_than_the_probes_is_one_line(tmp_path):
    folder = make_byte_level_bpe(tmp_path)
    template = folder / "chat_template.jinja"
    template.write_text("rules " * 3000 + template.read_text())
    for refuse in (check_can_probe, plan_probes):
        with pytest.raises(InfrarayError, match="the chat template alone is"):
            refuse(WORKLOAD, ModelTokenizer(folder))


def test_a_model_without_a_chat_template_is_refused_before_it_is_measured(tmp_path):
    folder = make_byte_level_bpe(tmp_path)
    (folder / "chat_template.jinja").unlink()
    with pytest.raises(InfrarayError, match="chat template"):
        check_can_probe(WORKLOAD, ModelTokenizer(folder))


def test_every_probe_looks_like_a_request_of_the_workload(tokenizer):
    plan = plan_probes(WORKLOAD, tokenizer)
    with Server(Reply()) as server:
        answers = ask_probes(server.url, "model", plan, tokenizer)
    assert {frozenset(seen.body) for seen in server.seen[:-12]} == {
        frozenset(("model", "messages", "max_tokens", "temperature", "ignore_eos", "stream", "stream_options"))
    }
    assert server.most_in_flight <= 8
    assert (len(answers.short), len(answers.long), len(answers.canaries), len(answers.repeated)) == (10, 10, 24, 4)
    assert not any(response.failure for response in (*answers.short, *answers.long))
    # This server tells no log-probabilities, and says so in its own way.
    assert all(told.failure for told in answers.fingerprints)


def test_a_server_that_fails_leaves_failures_and_no_error(tokenizer):
    answers = ask_probes("http://127.0.0.1:1/v1", "model", plan_probes(WORKLOAD, tokenizer), tokenizer)
    assert all(response.failure == "unreachable" for response in (*answers.short, *answers.long))


def test_a_server_that_hangs_is_not_waited_for_beyond_the_time(tokenizer):
    plan = plan_probes(WORKLOAD, tokenizer)
    over, began = threading.Event(), time.monotonic()

    def answer(body):
        over.wait(60)
        return "late"

    with Server(answer) as server:
        try:
            answers = ask_probes(server.url, "model", plan, tokenizer, time_limit_s=0.5)
        finally:
            over.set()
    assert time.monotonic() - began < 10
    assert {response.failure for response in (*answers.short, *answers.long)} == {"unfinished"}
    assert {told.failure for told in answers.fingerprints} == {"the time for the probes is up"}


@pytest.mark.parametrize(
    "document",
    ["null", "{}", '{"content": 7}', '{"content": [{"token": "a"}]}', '{"content": [{"token": 1, "logprob": "x"}]}'],
)
def test_log_probabilities_in_another_form_are_one_line(document):
    with pytest.raises(InfrarayError, match="not in the form of OpenAI's"):
        read_logprobs(json.loads(document))


@pytest.mark.parametrize("logprob", ["1000.0", "0.01", "NaN", "Infinity", "1" + "0" * 400])
@pytest.mark.parametrize("place", ["token", "alternative"])
def test_log_probabilities_of_more_than_one_or_of_no_number_are_one_line(logprob, place):
    first, second = (logprob, "-0.1") if place == "token" else ("-0.1", logprob)
    entry = f'{{"token": "a", "logprob": {first}, "top_logprobs": [{{"token": "b", "logprob": {second}}}]}}'
    with pytest.raises(InfrarayError, match="not in the form of OpenAI's") as refused:
        read_logprobs(json.loads(f'{{"content": [{entry}]}}'))
    assert "\n" not in str(refused.value)


def test_a_log_probability_that_rounding_lifted_above_zero_is_one():
    entry = {"token": "a", "logprob": 1e-7, "top_logprobs": [{"token": "a", "logprob": 1e-7}]}
    (token,) = read_logprobs({"content": [entry]})
    assert token.gap == 0.0


def test_alternatives_are_sorted_and_the_gap_is_to_the_likeliest():
    entry = {
        "token": "b",
        "logprob": -2.0,
        "top_logprobs": [{"token": "b", "logprob": -2.0}, {"token": "a", "logprob": -0.5}],
    }
    (token,) = read_logprobs({"content": [entry]})
    assert token.gap == 1.5 and token.alternatives[0] == ("a", -0.5)


def test_a_reference_that_does_not_answer_is_one_line():
    with pytest.raises(InfrarayError, match=r"/likelihood: .*refused"):
        likelihood("http://127.0.0.1:1/v1", {"prompt": "a"}, "b")


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"content": [', id="cut short"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nab", id="cut in a chunk"),
        pytest.param(b'HTTP/1.1 500 Oops\r\nContent-Length: 1000\r\n\r\n{"error', id="a refusal cut short"),
        pytest.param(b"SSH-2.0-OpenSSH_9.6\r\n\r\n", id="no HTTP"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n" + b"[" * 200_000, id="nested too deeply"),
    ],
)
def test_an_answer_that_is_cut_short_or_no_answer_is_one_line(answer):
    with Server(Reply(raw=answer)) as server:
        with pytest.raises(InfrarayError, match=f"^{server.url}/chat/completions: ") as refused:
            told_likelihood(server.url, {"messages": []})
    assert "\n" not in str(refused.value)


def test_no_more_alternatives_are_asked_than_every_engine_tells(tokenizer):
    """TGI refuses requests for more than 5."""
    plan = plan_probes(WORKLOAD, tokenizer)
    with Server(Reply()) as server:
        ask_probes(server.url, "model", plan, tokenizer)
    assert {seen.body["top_logprobs"] for seen in server.seen if "top_logprobs" in seen.body} == {5}


@pytest.mark.parametrize(("answers", "asked"), [(1, 3), (16, 16), (17, 16), (256, 16)])
def test_the_texts_of_all_traffics_are_looked_at(monkeypatch, answers, asked):
    texts = []

    def says(base_url, request, text):
        texts.append(text)
        return ()

    monkeypatch.setattr(opinion, "likelihood", says)
    monkeypatch.setattr(opinion, "ask_canaries", lambda *_: ())
    probes = ProbeAnswers(ProbeSet((), (), (), (), ()), (), (), (), (), ())
    requests = [Request(f"prompt {number}", 8, 8, "made up") for number in range(answers)]
    traffics = [[response(number, text=f"{traffic} {number}") for number in range(answers)] for traffic in "abc"]
    own = [response(number, text=f"own {number}") for number in range(answers)]
    for _ in range(2):
        ask_opinion("http://h/v1", "m", requests, "chat", traffics, own, probes, None)
    assert texts[: len(texts) // 2] == texts[len(texts) // 2 :]
    mine, theirs = texts[: len(texts) // 2 : 2], texts[1 : len(texts) // 2 : 2]
    assert len(set(mine)) == asked
    assert [text.split()[1] for text in mine] == [text.split()[1] for text in theirs]
    for traffic in "abc":
        assert sum(text[0] == traffic for text in mine) >= asked // 3
    if answers == 256:
        # From the beginning of a traffic to its end.
        places = sorted(int(text.split()[1]) for text in mine)
        assert places[0] < 32 and places[-1] >= 224


@pytest.mark.parametrize(("tokens", "looked_at"), [(2, 64), (8, 32), (40, 16)])
def test_more_texts_are_looked_at_where_they_are_short(monkeypatch, tokens, looked_at):
    """Answers of which the model would have said little, so that few of their tokens can be compared."""
    monkeypatch.setattr(opinion, "likelihood", lambda *_: (token(-0.1),) * tokens)
    monkeypatch.setattr(opinion, "ask_canaries", lambda *_: ())
    probes = ProbeAnswers(ProbeSet((), (), (), (), ()), (), (), (), (), ())
    requests = [Request(f"prompt {number}", 8, 8, "made up") for number in range(100)]
    answers = [response(number, text=f"{number}") for number in range(100)]
    said = ask_opinion("http://h/v1", "m", requests, "chat", [answers], answers, probes, None)
    assert len(said.timed) == looked_at
