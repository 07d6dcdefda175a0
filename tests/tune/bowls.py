"""A scenario whose objective is a bowl, slow and troublesome where its parameters say so."""

import os
import signal
import time
from pathlib import Path

from infraray.environment import Score
from infraray.errors import InfrarayError
from infraray.registration import register
from infraray.scenarios.load_balance.environment import LoadBalance
from infraray.space import Categorical, Float, SearchSpace
from infraray.testing.search_problems import bowl
from infraray.tune import Measurement, Objective

SPACE = SearchSpace(
    "bowls",
    1,
    (
        Float("x", -5.0, 5.0, default=4.0),
        Float("y", 0.001, 1000.0, log=True, default=500.0),
        Categorical("glaze", ("plain", "cracked"), default="plain"),
    ),
)


class Bowl(Objective):
    """The bowl, a little noisy by seed.

    Parameters: ``log``: a file that gets a line a measurement; ``trial_s``: how long one takes; ``actors``:
    how many must be there before the first one goes on; ``clay``: a file that every measurement reads;
    ``oven``: whether it must be warmed up, and how that goes; ``apart``: whether seeds are confirmed one at a time;
    ``cracked``: what becomes of a cracked one: ``raises``, ``dies``, ``sleeps``, ``spins``, ``nan``.
    """

    space = SPACE
    score = Score("depth", "m", higher_is_better=False)
    budget_unit = "samples"
    min_budget = 1
    max_budget = 9

    def __init__(self, request):
        self.parameters = dict(request.parameters)
        self.seeds, self.evaluation_seeds = request.seeds, request.evaluation_seeds
        self.warming = "the oven" if self.parameters.get("oven") else ""
        self.confirmed_apart = self.evaluation_seeds if self.parameters.get("apart") else ()
        self.is_warm = False
        if self.parameters.get("refuse"):
            raise InfrarayError("bowls: refuse=True: must be false")

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

    def evaluate(self, configuration, budget):
        self.write(f"evaluate {self.spell(configuration)} budget={budget}")
        if self.parameters.get("oven") == "needed" and not self.is_warm:
            raise InfrarayError("the oven is cold")
        self.take_clay()
        self.wait_for_others()
        time.sleep(self.parameters.get("trial_s", 0.0) * budget / self.max_budget)
        if configuration["glaze"] == "cracked":
            self.crack()
        # What little is measured says less.
        bias = (self.max_budget - budget) * 0.1
        samples = tuple(bowl(configuration) + bias + seed * 0.01 for seed in self.seeds)
        return Measurement(sum(samples) / len(samples), samples)

    def confirm(self, configuration):
        self.write(f"confirm {self.spell(configuration)}")
        self.take_clay()
        if self.parameters.get("unconfirmed") and configuration != self.space.default:
            return Measurement(1.0, failure="quality gate", reason="it leaks")
        samples = tuple(bowl(configuration) + seed * 0.001 for seed in self.evaluation_seeds)
        return Measurement(sum(samples) / len(samples), samples)

    def confirm_seed(self, configuration, seed):
        self.write(f"confirm {self.spell(configuration)} on {seed}")
        self.wait_for_others()
        time.sleep(self.parameters.get("seed_s", 0.0))
        if seed == self.parameters.get("unconfirmed") and configuration != self.space.default:
            return Measurement(1.0, (1.0,), failure="quality gate", reason="it leaks")
        score = bowl(configuration) + seed * 0.001
        return Measurement(score, (score,), {"seed": seed})

    def check_agent(self, agent):
        if agent != "scripted:potter":
            raise InfrarayError(f"{agent}: only scripted:potter makes bowls")

    def confirm_agent(self, agent):
        return Measurement(2.0, tuple(2.0 for _ in self.evaluation_seeds))

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
