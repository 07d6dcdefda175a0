"""A scenario whose agents misbehave, for the tests."""

import asyncio
import ctypes
import math
import os
import time
from pathlib import Path

import numpy as np
from gymnasium import spaces

import infraray


class Coin(infraray.Environment):
    """Guess a coin."""

    scenario = "coin"
    score = infraray.Score("guessed", "1", higher_is_better=True)

    def observed_fields(self):
        return (infraray.ObservedField("sides", 1, "1", "sides of the coin"),)

    def make_action_space(self):
        return spaces.Discrete(2)

    def describe_task(self):
        return "Guess the coin."

    def describe_actions(self):
        return "0 or 1"

    def begin(self, task):
        self.coin = task.seed % 2
        self.right = math.nan

    def numbers(self):
        return np.array([2.0])

    def words(self):
        return "A coin was thrown."

    def advance(self, action):
        self.right = float(action == self.coin)
        return infraray.Outcome(self.right, terminated=True)

    def parse_action(self, text):
        if text not in ("0", "1"):
            raise infraray.InvalidAction(f"{text!r} is neither 0 nor 1")
        return int(text)

    def default_action(self):
        return 0

    def measure(self):
        return infraray.Measures(self.right)

    def bound(self):
        return 1.0


infraray.register("test/Coin-v0", name="coin", entry_point=Coin)


def in_a_bad_mood(agent_seed: int) -> bool:
    """In an episode out of five. The seed changes with our code: of 40 episodes none in one version of 7,500."""
    return agent_seed % 5 == 0


class _Moody(infraray.ScriptedAgent):
    """Misbehaves in some episodes, by its own seed."""

    def act(self, observation):
        if in_a_bad_mood(self.briefing.seed):
            self.misbehave()
        return 0

    def misbehave(self):
        raise NotImplementedError


@infraray.register_agent("raises", scenario="coin")
class Raises(_Moody):
    def misbehave(self):
        raise ZeroDivisionError("rubbish\nin two lines")


@infraray.register_agent("exits", scenario="coin")
class Exits(_Moody):
    def misbehave(self):
        os._exit(3)


@infraray.register_agent("sleeps", scenario="coin")
class Sleeps(_Moody):
    def misbehave(self):
        while True:
            try:
                time.sleep(1000)
            except ValueError:
                pass


@infraray.register_agent("hangs", scenario="coin")
class Hangs(_Moody):
    """Hangs in native code, where no Python signal handler runs."""

    def misbehave(self):
        ctypes.CDLL(None).pause.restype = ctypes.c_int
        while True:
            ctypes.PyDLL(None).sleep(1000)


@infraray.register_agent("hangs_once", scenario="coin")
class HangsOnce(Hangs):
    """Hangs in one of many episodes, the first time."""

    def __init__(self, folder: str) -> None:
        self.marker = Path(folder, "hung")

    def act(self, observation):
        if self.briefing.seed % 20 == 0 and not self.marker.exists():
            self.marker.touch()
            self.misbehave()
        return 0


@infraray.register_agent("recovers", scenario="coin")
class Recovers(infraray.ScriptedAgent):
    """Fails the first time and not the second."""

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)

    def act(self, observation):
        marker = self.folder / str(self.briefing.seed)
        if not marker.exists():
            marker.touch()
            raise RuntimeError("not yet")
        return 0


@infraray.register_agent("slow", scenario="coin")
class Slow(infraray.ScriptedAgent):
    """Takes 20 ms."""

    def act(self, observation):
        time.sleep(0.02)
        return int(self.random.integers(2))


@infraray.register_agent("waits", scenario="coin")
class Waits(infraray.ScriptedAgent):
    """Waits a second for its answer, as a model's client does, and answers with a turn."""

    async def act(self, observation):
        await asyncio.sleep(1.0)
        return infraray.Turn("1", 7, 1, {"said": "1"})


@infraray.register_agent("waits_forever", scenario="coin")
class WaitsForever(_Moody):
    """Never gets an answer in some episodes."""

    async def act(self, observation):
        if in_a_bad_mood(self.briefing.seed):
            await asyncio.sleep(1000)
        return 0


@infraray.register_agent("miscounts", scenario="coin")
class Miscounts(infraray.ScriptedAgent):
    """Gives a count of tokens that is none in some episodes."""

    def act(self, observation):
        return infraray.Turn("1", "seven" if in_a_bad_mood(self.briefing.seed) else 7, 1)


@infraray.register_agent("miscounts_later", scenario="coin")
class MiscountsLater(Miscounts):
    """The same after a wait."""

    async def act(self, observation):
        await asyncio.sleep(0)
        return super().act(observation)
