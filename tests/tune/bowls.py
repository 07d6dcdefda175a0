"""A scenario whose objective is a bowl, slow and troublesome where its parameters say so."""

import os
import signal
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from infraray.agents import parse_agent
from infraray.environment import Measures, Score
from infraray.episodes import Trajectory
from infraray.errors import InfrarayError
from infraray.registration import register
from infraray.scenarios.load_balance.environment import LoadBalance
from infraray.space import Categorical, Float, SearchSpace
from infraray.testing.search_problems import bowl
from infraray.tune import Measured, MeasuredObjective

SPACE = SearchSpace(
    "bowls",
    1,
    (
        Float("x", -5.0, 5.0, default=4.0),
        Float("y", 0.001, 1000.0, log=True, default=500.0),
        Categorical("glaze", ("plain", "cracked"), default="plain"),
    ),
)


class Bowl(MeasuredObjective):
    """The bowl, a little noisy by seed.

    Parameters: ``log``: a file that gets a line a measurement; ``trial_s``: how long a trial takes; ``actors``:
    how many must be there before the first one goes on; ``clay``: a file that every measurement reads;
    ``oven``: whether it must be warmed up, and how that goes; ``seed_s``: how long an evaluation seed takes;
    ``cracked``: what becomes of a cracked one: ``raises``, ``dies``, ``sleeps``, ``spins``, ``nan``.
    """

    space = SPACE
    score = Score("depth", "m", higher_is_better=False)
    budget_unit = "samples"
    min_budget = 1
    max_budget = 9

    def __init__(self, request):
        super().__init__(request)
        self.parameters = dict(request.parameters)
        self.warming = "the oven" if self.parameters.get("oven") else ""
        self.is_warm = False
        if self.parameters.get("refuse"):
            raise InfrarayError("bowls: refuse=True: must be false")

    def environment(self):
        return Bowls()

    def identity(self):
        return {"seeds": list(self.seeds), "cracked": self.parameters.get("cracked")}

    def spell(self, configuration):
        return " ".join(f"{name}={value}" for name, value in configuration.items())

    def preparations(self):
        return [f"clay {number}" for number in range(self.parameters.get("clays", 1))]

    def prepare(self, piece):
        self.write(f"prepare {piece}")
        if self.parameters.get("clays", 1) > 1:
            self.wait_for_others()
        if self.parameters.get("unprepared"):
            raise InfrarayError("bowls: there is no clay")
        return ["the clay is wet"]

    def warm_up(self):
        self.write("warm up")
        time.sleep(self.parameters.get("oven_s", 0.0))
        if self.parameters["oven"] == "raises":
            raise InfrarayError("the oven is broken")
        if self.parameters["oven"] == "dies":
            os.kill(os.getpid(), signal.SIGKILL)
        self.is_warm = True

    def measure(self, configuration, seed, budget):
        self.write(f"measure {self.spell(configuration)} budget={budget} seed={seed}")
        if self.parameters.get("oven") == "needed" and not self.is_warm:
            raise InfrarayError("the oven is cold")
        self.take_clay()
        self.wait_for_others()
        time.sleep(self.parameters.get("trial_s", 0.0) * budget / self.max_budget / len(self.seeds))
        if configuration["glaze"] == "cracked":
            self.crack()
        # What little is measured says less.
        bias = (self.max_budget - budget) * 0.1
        return Measured(bowl(configuration) + bias + seed * 0.01)

    def confirm(self, configuration, seed):
        self.write(f"confirm {self.spell(configuration)} seed={seed}")
        self.take_clay()
        self.wait_for_others()
        time.sleep(self.parameters.get("seed_s", 0.0))
        leaking = self.parameters.get("unconfirmed")
        if leaking in (True, seed) and configuration != self.space.default:
            return Measured(1.0, failure="quality gate: it leaks")
        return Measured(bowl(configuration) + seed * 0.001, {"seed": seed})

    def check_agent(self, agent):
        if agent != "scripted:potter":
            raise InfrarayError(f"{agent}: only scripted:potter makes bowls")

    def agent_entry(self, agent):
        code = {"budget_s": str(self.parameters.get("seconds")), **parse_agent(agent).files()}
        return replace(self.entry(self.space.default, None), agent=agent, options={}, code=code)

    def play(self, specs):
        if "configuration" in specs[0].entry.options:
            yield from super().play(specs)
            return
        for spec in specs:
            yield Trajectory(spec, [], Measures(2.0), 0.0, 0.0, False, 1, datetime.now(UTC), 0.1, None)

    def close(self):
        self.write("close")

    def crack(self):
        kind = self.parameters.get("cracked")
        if kind == "raises":
            raise MemoryError("no more\nclay")
        if kind == "dies":
            os.kill(os.getpid(), signal.SIGKILL)
        if kind == "sleeps":
            time.sleep(1000)
        if kind == "spins":
            # Swallows whatever is raised at it, as native code would.
            while True:
                try:
                    time.sleep(1000)
                except Exception:
                    pass
        if kind == "nan":
            raise ZeroDivisionError

    def take_clay(self):
        if path := self.parameters.get("clay"):
            Path(path).read_text()

    def wait_for_others(self):
        """Until as many processes as ``actors`` says measure."""
        limit = time.monotonic() + 60
        while wanted := self.parameters.get("actors", 0):
            lines = Path(self.parameters["log"]).read_text().splitlines()
            if len({line.split()[0] for line in lines}) >= wanted:
                break
            if time.monotonic() > limit:
                raise TimeoutError(f"{wanted} processes do not measure")
            time.sleep(0.02)

    def write(self, line):
        if path := self.parameters.get("log"):
            with Path(path).open("a") as file:
                file.write(f"{os.getpid()} {line}\n")


class Bowls(LoadBalance):
    """Bowls."""

    scenario = "bowls"


register("tests/Bowls-v0", name="bowls", entry_point=Bowls, objective=Bowl)
