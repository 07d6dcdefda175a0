"""The load that one core can send and read on time: `python -m benchmarks.load_generator`.

Prints in one run the highest request rate at which a client, held to one core, is at most 5 ms late
(p99 over the requests): ours, plain aiohttp, OpenAI's client, and `vllm bench serve` where vLLM is
installed. Lateness is what the server of `benchmarks.paced_server`, which has the other cores, sees
and the client does not: how much later than due a request reaches it, and how much longer than
the server took the client says the first token took. Each request streams 50 tokens at 50 a second.
"""

import asyncio
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np

from benchmarks.table import Row, print_table

LATE_S = 0.005
TOKENS = 50
SECONDS = 4.0
WARM_UPS = 5
"""Requests that a client first sends one by one, so that its imports and one-time work are not counted."""

TRIES = 3
"""Attempts, one of which has to succeed: the machine's other processes may delay any."""

RATES = [round(8 * 1.25**power) for power in range(28)]
"""Requests/s that are tried, from the left, by bisection."""


def prompts(count: int) -> list[str]:
    return [f"request {number}" for number in range(count)]


WARM_UP = "to warm up"


def ours(url: str, rate: float, count: int) -> list[float]:
    """Our load generator."""
    from infraray.load.generator import Load, generate_load
    from infraray.load.requests import Request
    from infraray.load.responses import read_response
    from infraray.load.target import find_target

    target = find_target(url, "completions")
    body = {"model": "m", "max_tokens": TOKENS, "stream": True}
    messages = [target.message({**body, "prompt": prompt}) for prompt in prompts(count)]
    warm_up = [target.message({**body, "prompt": WARM_UP})] * WARM_UPS
    generate_load(target, Load(warm_up, [0.0] * WARM_UPS, concurrency=1))
    started = time.perf_counter() + 0.2
    exchanges = generate_load(target, Load(messages, [number / rate for number in range(count)]), started)
    asked = Request("", 2, TOKENS, "")
    responses = [read_response(exchange, asked, lambda text: TOKENS, True) for exchange in exchanges]
    assert all(response.failure is None for response in responses)
    return [response.text_times_s[0] - response.sent_s for response in responses]


def on_schedule(rate: float, count: int, send: Callable) -> list[float]:
    """Runs an asyncio client's coroutine ``send(prompt)``, which returns a TTFT, once for each request."""

    async def all_of_them() -> list[float]:
        for _ in range(WARM_UPS):
            await send(WARM_UP)
        started, tasks = time.perf_counter() + 0.2, []
        for number, prompt in enumerate(prompts(count)):
            await asyncio.sleep(max(0.0, started + number / rate - time.perf_counter()))
            tasks.append(asyncio.create_task(send(prompt)))
        return await asyncio.gather(*tasks)

    return asyncio.run(all_of_them())


def plain_aiohttp(url: str, rate: float, count: int) -> list[float]:
    """The least work possible with aiohttp: events are searched for their text, nothing is decoded."""
    import aiohttp

    session: list[aiohttp.ClientSession] = []

    async def send(prompt: str) -> float:
        if not session:
            session.append(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)))
        first, sent = None, time.perf_counter()
        body = {"model": "m", "prompt": prompt, "max_tokens": TOKENS, "stream": True}
        async with session[0].post(f"{url}/completions", json=body) as answer:
            async for data in answer.content.iter_any():
                if first is None and b'"text"' in data:
                    first = time.perf_counter()
        return first - sent

    return on_schedule(rate, count, send)


def openai_client(url: str, rate: float, count: int) -> list[float]:
    """OpenAI's own client."""
    import openai

    client: list[openai.AsyncOpenAI] = []

    async def send(prompt: str) -> float:
        if not client:
            client.append(openai.AsyncOpenAI(base_url=url, api_key="none", max_retries=0))
        first, sent = None, time.perf_counter()
        stream = await client[0].completions.create(model="m", prompt=prompt, max_tokens=TOKENS, stream=True)
        async for event in stream:
            if first is None and event.choices and event.choices[0].text:
                first = time.perf_counter()
        return first - sent

    return on_schedule(rate, count, send)


def vllm_bench(url: str, rate: float, count: int) -> list[float]:
    """`vllm bench serve`, in a separate process on the same core."""
    from tests.engines.vllm_bench import bench_serve
    from tests.load.tokenizers_on_the_spot import make_words

    with tempfile.TemporaryDirectory() as folder:
        model = str(make_words(Path(folder)))
        options = ("--request-rate", str(rate), "--burstiness", "1e9", "--num-warmups", str(WARM_UPS))
        return bench_serve(url, model, prompts(count), TOKENS, *options)["ttfts"]


CLIENTS: dict[str, Callable[[str, float, int], list[float]]] = {
    "ours": ours,
    "plain aiohttp": plain_aiohttp,
    "OpenAI's client": openai_client,
    "vllm bench serve": vllm_bench,
}


def lateness_s(client: str, rate: float) -> float:
    """p99 of the lateness of one client at one rate, in s; infinite if a request is lost."""
    count = max(200, int(rate * SECONDS))
    server = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.paced_server"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: use_cores(sorted(os.sched_getaffinity(0))[1:]),
    )
    url = f"http://127.0.0.1:{server.stdout.readline().strip()}/v1"
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.load_generator", client, url, str(rate), str(count)],
        capture_output=True,
        text=True,
        preexec_fn=lambda: use_cores(sorted(os.sched_getaffinity(0))[:1]),
    )
    notes = json.loads(server.communicate()[0])
    if done.returncode or len(notes) < count:
        return float("inf")
    said = np.array(json.loads(done.stdout.splitlines()[-1]))
    # To warm up, vllm bench sends its first prompt, as the others send prompts without a number: the last counts.
    last = {number: (received, first) for number, received, first in sorted(notes) if number >= 0}
    numbers, (received, first) = np.array(list(last)), np.array(list(last.values())).T
    due = numbers / rate
    late = received - due - np.min(received - due)
    return float(np.percentile(np.maximum(late, said - (first - received)), 99))


def use_cores(cores: list[int]) -> None:
    # On a machine with one core, all share it and the figures are worthless.
    with suppress(OSError):
        os.sched_setaffinity(0, cores)


def highest_rate(client: str) -> int:
    """The highest rate at which the client is on time; 0 if there is none."""
    low, high = -1, len(RATES)
    while high - low > 1:
        middle = (low + high) // 2
        if any(lateness_s(client, RATES[middle]) < LATE_S for _ in range(TRIES)):
            low = middle
        else:
            high = middle
    return RATES[low] if low >= 0 else 0


def main() -> list[Row]:
    """Measures and returns the rows of the table."""
    rates = {
        name: highest_rate(name)
        for name in CLIENTS
        if name != "vllm bench serve" or importlib.util.find_spec("vllm") is not None
    }
    mine = rates.pop("ours")
    return [
        Row("requests/s on one core, <= 5 ms late", f"{mine}/s", name, f"{rate}/s", mine / max(rate, 1), ">= 1")
        for name, rate in rates.items()
    ]


if __name__ == "__main__":
    if len(sys.argv) > 1:
        name, url, rate, count = sys.argv[1:]
        print(json.dumps(CLIENTS[name](url, float(rate), int(count))))
    else:
        print_table(main())
