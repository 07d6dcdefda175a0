"""What environments and we add to a rollout's turns: `python -m benchmarks.turns [SCENARIO] [ENVIRONMENTS] [SECONDS]`.

By default, 64 environments of `routing`, each a live network in an actor of its own, and an engine that takes a second
for an answer. The engine is a stand-in that waits, so that no GPU is needed; actors, environments, prompts, tokens and
sequences are those of a training. Prints milliseconds a turn, and the share of the rollouts' time in which the engine
generates (target: at least 70 %).
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from statistics import mean, median, quantiles
from typing import Any

import infraray
from infraray.actors.cluster import ray_cluster
from infraray.policy.trained import FOLDER
from infraray.training.prompt_tokens import PromptTokens
from infraray.training.rollout import Generated, Rolled, Rollout
from infraray.training.sequences import Lengths
from infraray.training.task import TrainingTask

ENVIRONMENTS = 64
ANSWER_S = 1.0
TURNS = 8
LIMIT_S = 600.0
LENGTHS = Lengths(16_384, 16_384)


class Timed:
    """A host whose calls are timed, by name."""

    def __init__(self, host: Any, seconds: defaultdict[str, list[float]]) -> None:
        self._host = host
        self._seconds = seconds

    @property
    def waited_s(self) -> float:
        """The host's."""
        waited: float = self._host.waited_s
        return waited

    def __getattr__(self, name: str) -> Any:
        async def timed(*arguments: Any) -> Any:
            began = time.perf_counter()
            told = await getattr(self._host, name)(*arguments)
            self._seconds[name].append(time.perf_counter() - began)
            return told

        return timed


def answer_of(scenario: str) -> str:
    """A valid answer, which changes nothing that would end the episode."""
    if scenario == "routing":
        return f'{{"machine": "{infraray.make("routing").parameters.shape.machines[0]}", "command": "ip route"}}'
    if scenario == "load_balance":
        return '{"server": 1}'
    raise SystemExit(f"error: {scenario}: no answer is known here; take routing or load_balance")


async def measure(scenario: str, environments: int, answer_s: float) -> None:
    """Plays and prints."""
    from transformers import AutoTokenizer

    # Of Ray, which reads its settings when it is imported.
    from infraray.training.hosts import Hosts

    tokenizer = AutoTokenizer.from_pretrained(FOLDER)
    said = [*tokenizer.encode(answer_of(scenario), add_special_tokens=False), tokenizer.eos_token_id]
    hosts, seconds = Hosts(LIMIT_S), defaultdict[str, list[float]](list)
    now = asyncio.get_running_loop().time

    async def generate(prompt_ids: list[int], options: Mapping[str, Any]) -> Generated:
        await asyncio.sleep(answer_s)
        return Generated(said, [-0.1] * len(said))

    async def play(seed: int) -> tuple[Rolled, float]:
        task = TrainingTask(scenario=scenario, seed=seed, max_steps=TURNS, chat={"max_tokens": 128})
        async with hosts.one() as host:
            began = now()
            rollout = Rollout(task, generate, PromptTokens(tokenizer), LENGTHS, 32_768, now() + LIMIT_S)
            return await rollout.play(Timed(host, seconds), agent_seed=1), now() - began

    # The actors' processes start first, which a training does once.
    await asyncio.gather(*(play(seed) for seed in range(environments)))
    seconds.clear()
    cpu_s = time.process_time()
    played = await asyncio.gather(*(play(seed) for seed in range(environments, 2 * environments)))
    cpu_s = time.process_time() - cpu_s
    turns = sum(rolled.answers for rolled, _ in played)
    generating = sum(rolled.generating_s for rolled, _ in played)
    total = sum(wall_s for _, wall_s in played)
    own = total - generating - sum(rolled.waiting_s for rolled, _ in played)
    print(f"{environments} environments of {scenario}, {turns} turns, {answer_s:g} s an answer")
    print("| what | mean | median | 95 % |")
    print("|---|---|---|---|")
    for name, title in (("step", "environment, a turn"), ("begin", "beginning of an episode"), ("end", "its verdict")):
        print(f"| {title} | {' | '.join(map(in_ms, spread(seconds[name])))} |")
    print(f"| our own share, a turn | {in_ms(own / turns)} | | |")
    print(f"| of that, this process computes | {in_ms(cpu_s / turns)} | | |")
    print(f"the engine generates in {generating / total:.1%} of the rollouts' time (target: at least 70 %)")


def spread(values: Sequence[float]) -> tuple[float, float, float]:
    """Mean, median and 95th percentile."""
    return mean(values), median(values), quantiles(values, n=20)[-1] if len(values) > 1 else values[0]


def in_ms(value_s: float) -> str:
    """As the table shows it."""
    return f"{1000 * value_s:.1f} ms"


if __name__ == "__main__":
    scenario, count, answer = [*sys.argv[1:], *("routing", ENVIRONMENTS, ANSWER_S)[len(sys.argv) - 1 :]][:3]
    with ray_cluster():
        asyncio.run(measure(str(scenario), int(count), float(answer)))
