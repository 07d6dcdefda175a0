"""Our load generator and `vllm bench serve`, which share no code, measure the same server and agree."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from infraray.engines.preloaded import PreloadedLauncher
from infraray.engines.spec import EngineSpec
from infraray.load.benchmark import bench
from infraray.load.measurement import measure
from infraray.load.requests import RequestSet, make_requests
from infraray.load.tokenizer import ModelTokenizer
from infraray.load.workloads import Workload
from tests.engines.conftest import ENV, FLAGS
from tests.engines.shared_answers import Relay
from tests.engines.started import started
from tests.engines.vllm_bench import bench_serve
from tests.openai_server import Reply, Server

pytestmark = [pytest.mark.engine, pytest.mark.alone, pytest.mark.timeout(500)]

WITHIN = 0.05


@pytest.fixture(scope="module")
def vllm(model: str, preloaded: PreloadedLauncher) -> Iterator[str]:
    # Both send the same prompts: the second to come must not find them cached.
    flags = {**FLAGS, "max_model_len": 8192, "enable_prefix_caching": False}
    spec = EngineSpec(name="measured", model=model, flags=flags, env=ENV, ready_timeout_s=200)
    with started(spec, preloaded) as process:
        yield process.url


def workload(**changes: Any) -> Workload:
    return Workload.parse(
        "inference", {"length_ratio": 1.0, "endpoint": "completions", "warmup_requests": 0, **changes}
    )


Figures = list[tuple[float, float]]
"""TTFT and TPOT of every request, in s."""


def measure_ours(url: str, model: str, asked: Workload, requests: RequestSet) -> Figures:
    """As the other counts: from the first event, with or without text, of which random weights often give none."""
    (traffic,) = measure(url, model, asked, requests, ModelTokenizer(model), 21).traffics
    assert traffic.metrics.completed == len(requests.requests) and traffic.usage.wrong_prompt == 0
    figures = []
    for one in traffic.responses:
        assert one.first_chunk_s is not None and one.sent_s is not None and one.last_s is not None
        tpot = (one.last_s - one.first_chunk_s) / (one.tokens - 1)
        figures.append((one.first_chunk_s - one.sent_s, tpot))
    return figures


def measure_theirs(url: str, model: str, asked: Workload, prompts: Sequence[str], *options: str) -> Figures:
    result = bench_serve(url, model, prompts, asked.output_tokens, *options)
    tpots = [sum(gaps) / (asked.output_tokens - 1) for gaps in result["itls"]]
    return list(zip(result["ttfts"], tpots, strict=True))


def assert_agree(ours: Figures, theirs: Figures) -> None:
    mine, other = medians(ours, theirs)
    assert mine.tolist() == pytest.approx(other.tolist(), rel=WITHIN)


def medians(ours: Figures, theirs: Figures) -> tuple[Any, Any]:
    mine, other = (np.median(side, axis=0) for side in (ours, theirs))
    print(f"median TTFT and TPOT of {len(ours)} and {len(theirs)}: {mine * 1e3} ms, {other * 1e3} ms: {mine / other}")
    return mine, other


def test_both_read_the_times_of_a_paced_server(model: str) -> None:
    asked = workload(input_tokens=100, output_tokens=20, num_requests=24, traffic=[{"concurrency": 4}])
    requests = make_requests(asked, 21, ModelTokenizer(model))
    prompts = [request.prompt for request in requests.requests]

    usage = {"prompt_tokens": 100, "completion_tokens": 20}
    with Server(Reply(first_s=0.3, gap_s=0.05, usage=usage)) as server:
        ours = measure_ours(server.url, model, asked, requests)
        theirs = measure_theirs(server.url, model, asked, prompts, "--max-concurrency", "4")
    noted = [(one.texts_s[0] - one.received_s, (one.texts_s[-1] - one.texts_s[0]) / 19) for one in server.seen]
    assert_agree(ours, noted[:24])
    assert_agree(ours, theirs)


def test_both_agree_on_vllm(vllm: str, model: str) -> None:
    # Long prompts and answers, so that little of either time is what passes until both have asked, and have read.
    asked = workload(input_tokens=7500, output_tokens=192, num_requests=30, traffic=[{"concurrency": 1}])
    requests = make_requests(asked, 21, ModelTokenizer(model))
    prompts = [request.prompt for request in requests.requests]
    with Relay(vllm) as relay, ThreadPoolExecutor(1) as beside:
        waiting = beside.submit(measure_theirs, relay.url, model, asked, prompts, "--max-concurrency", "1")
        waiting.add_done_callback(lambda done: relay.stop() if done.exception() else None)
        ours = measure_ours(relay.url, model, asked, requests)
        theirs = waiting.result()
    parts = asked.output_tokens - 1
    passed_on = [
        (relay.answered[prompt][0] - relay.asked[prompt, False], np.ptp(relay.answered[prompt]) / parts)
        for prompt in prompts
    ]
    assert_agree(ours, passed_on)
    # The other, no real-time process, reads what has come up to 0.4 s late while server and relay keep two cores busy.
    # It is never the earlier one, and both have read all of the answer at the same time.
    mine, other = medians(ours, theirs)
    assert mine[0] <= other[0] * (1 + WITHIN)
    assert mine @ [1, parts] == pytest.approx(other @ [1, parts], rel=WITHIN)


def test_the_front_door_needs_no_more_than_the_url(vllm: str, model: str) -> None:
    asked = Workload(num_requests=8, input_tokens=200, output_tokens=16, traffic=({"concurrency": 4},))
    found = bench(vllm, asked)
    (one,) = found.traffics
    # The server names the folder of its model, which is on this machine.
    assert found.tokenizer == model and found.failed == 0, one.warnings
    assert one.usage.wrong_prompt == one.usage.missing == 0
    assert {response.tokens for response in one.responses} <= set(range(13, 17))
