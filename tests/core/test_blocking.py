"""Where an environment may block, conversations go on beside it."""

import asyncio
import threading
from typing import Any

from infraray.agents import Agent
from infraray.episodes import Entry, EpisodeSpec, play_steps
from infraray.observation import Observation
from tests.core.toy import Lamp


class SlowLamp(Lamp):
    """Waits, at each reset and step, until everybody else who plays waits too."""

    blocking = True
    everybody = threading.Barrier(3, timeout=20)

    def begin(self, task: Any) -> None:
        self.everybody.wait()
        super().begin(task)

    def advance(self, action: Any) -> Any:
        self.everybody.wait()
        return super().advance(action)  # type: ignore[no-untyped-call]


class Talker(Agent):
    """Says the number, as a conversation."""

    async def act(self, observation: Observation) -> int:
        await asyncio.sleep(0)
        return int(observation.shown[0])


def test_blocking_environments_of_conversations_wait_side_by_side() -> None:
    async def play(seed: int) -> float:
        environment, agent = SlowLamp(scored_lamps=2), Talker()
        entry = Entry("lamp", {}, {}, 1, "talker", {}, "lamp", conversational=True)
        await play_steps(environment, agent, EpisodeSpec(entry, seed, 0), [], asyncio.to_thread)
        return environment.verdict().score

    async def play_all() -> list[float]:
        return await asyncio.gather(*map(play, range(3)))

    assert asyncio.run(play_all()) == [1.0, 1.0, 1.0]
