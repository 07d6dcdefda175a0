"""The overhead of a run over a model's server: `python -m benchmarks.llm_run` in an environment with vLLM.

An LLM plays load-balancing episodes on vLLM. Then a plain client (the `openai` package, one closed
loop per conversation) sends exactly the prompts that the run recorded, conversation by conversation,
at the same concurrency to the same server, and asks for as many tokens as the run got. Prints the
generated tokens per second of both. The prefix cache is off, so that the second cannot reuse what
the first computed.

On the CPU it makes a tiny random model; on a GPU name a larger one:
    python -m benchmarks.llm_run --model DIR --episodes 256 --flag load_format=dummy
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import ray

import infraray
from benchmarks.engine_flags import add_flag_option, read_flags
from benchmarks.table import Row, print_table
from infraray.actors.cluster import ray_cluster
from infraray.actors.engine import start_engine
from infraray.engines import EngineSpec
from infraray.trajectories.reader import Run

Conversation = list[tuple[list[Any], int]]
"""Prompts in order, each with the tokens that were generated."""


def play(url: str, model: str, episodes: int, steps: int, max_tokens: int, folder: Path) -> tuple[float, int]:
    """Seconds and generated tokens of a run, including its workers' start."""
    wanted = {
        "name": "llm",
        "scenarios": [{"scenario": "load_balance", "max_episode_steps": steps}],
        "agents": [f"chat:{model}@{url}?memory=last:2&max_tokens={max_tokens}"],
        "seeds": episodes,
    }
    summary = infraray.run(wanted, folder)
    assert summary.finished == episodes, summary.failures
    return summary.wall_s, sum(Run(folder).steps()["output_tokens"].to_pylist())


def recorded(folder: Path) -> list[Conversation]:
    """The prompts that the run sent."""
    conversations: defaultdict[str, Conversation] = defaultdict(list)
    for step in sorted(Run(folder).steps().to_pylist(), key=lambda step: step["index"]):
        sent = json.loads(step["extra"])["agent"]["messages"]
        conversations[step["episode_id"]].append((sent, step["output_tokens"]))
    return list(conversations.values())


async def replay(url: str, model: str, conversations: list[Conversation]) -> tuple[float, int]:
    """Seconds and generated tokens of the plain client."""
    import openai

    limits = type(openai.DEFAULT_CONNECTION_LIMITS)()
    client = openai.AsyncOpenAI(
        base_url=url, api_key="none", http_client=openai.DefaultAsyncHttpxClient(limits=limits, timeout=None)
    )
    generated = 0

    async def converse(conversation: Conversation) -> None:
        nonlocal generated
        for messages, tokens in conversation:
            stream = await client.chat.completions.create(
                model=model,
                messages=messages,
                max_tokens=tokens,
                temperature=0,
                stream=True,
                stream_options={"include_usage": True},
                extra_body={"ignore_eos": True},
            )
            async for event in stream:
                if event.usage is not None:
                    generated += event.usage.completion_tokens

    began = time.perf_counter()
    await asyncio.gather(*(converse(conversation) for conversation in conversations))
    return time.perf_counter() - began, generated


def tiny_model(folder: Path) -> str:
    from tests.engines.tiny_model import make_tiny_model

    return str(make_tiny_model(folder))


def main() -> list[Row]:
    """Measures and returns the row of the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="a folder; a tiny random model for the CPU without it")
    parser.add_argument("--episodes", type=int, default=16, help="conversations side by side (%(default)s)")
    parser.add_argument("--steps", type=int, default=20, help="requests of each (%(default)s)")
    parser.add_argument("--max-tokens", type=int, default=48, help="tokens of an answer (%(default)s)")
    add_flag_option(parser)
    given = parser.parse_args()
    flags: dict[str, Any] = {"enable_prefix_caching": False}
    env = {}
    with tempfile.TemporaryDirectory() as scratch:
        if given.model is None:
            flags |= {"max_model_len": 4096, "dtype": "float32"}
            env = {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_CPU_OMP_THREADS_BIND": "nobind", "HF_HUB_OFFLINE": "1"}
        flags |= read_flags(given.flag)
        model = given.model or tiny_model(Path(scratch) / "model")
        with ray_cluster():
            engine = start_engine(EngineSpec(model=model, flags=flags, env=env, num_cpus=0))
            url = ray.get(engine.start.remote())
            # Both find a server that has answered before.
            play(url, model, given.episodes, 2, given.max_tokens, Path(scratch) / "warm-up")
            run_s, run_tokens = play(url, model, given.episodes, given.steps, given.max_tokens, Path(scratch) / "run")
            conversations = recorded(Path(scratch) / "run")
            plain_s, plain_tokens = asyncio.run(replay(url, model, conversations))
            ray.get(engine.stop.remote())
    assert run_tokens == plain_tokens, (run_tokens, plain_tokens)
    ours, theirs = run_tokens / run_s, plain_tokens / plain_s
    return [
        Row(
            f"LLM run on vLLM, {given.episodes} conversations",
            f"{ours:.0f} tokens/s",
            "closed-loop client",
            f"{theirs:.0f} tokens/s",
            ours / theirs,
            ">= 0.9",
        )
    ]


if __name__ == "__main__":
    print_table(main())
