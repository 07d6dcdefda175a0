"""A scenario whose tasks tell of their kind, and an agent that fails for some of them."""

import time
from random import Random

import infraray

KINDS = ("bulb", "fuse", "wire", "switch")


def traits(parameters, level, seed):
    return {"kind": Random(f"lamps/{seed}").choice(KINDS)}


class Lamps(infraray.SimpleScenario):
    """A lamp is out. Repair what is broken."""

    scenario = "lamps"
    score = infraray.Score("repaired", "1", higher_is_better=True, low=0.0, high=1.0)
    action = "part"
    levels = (1, 2)
    observes = (
        infraray.ObservedField("kind", 1, "1", "what is broken"),
        infraray.ObservedField("length", 1, "m", "of the cable"),
        infraray.ObservedField("difficulty", 1, "1", "the level"),
    )

    class Parameters(infraray.Parameters):
        length: int = infraray.parameter(10, ge=1, le=100, unit="m", description="of the cable")
        colour: str = infraray.parameter("red", unit="", description="of the lamp")
        wait_s: float = infraray.parameter(0.0, ge=0, unit="s", description="that a repair takes")

    def choices(self):
        return len(KINDS)

    def steps(self):
        return 1

    def start(self, random):
        assert self.task is not None
        self.kind = KINDS.index(traits(self.parameters, self.level, self.task.seed)["kind"])
        self.length, self.difficulty = self.parameters.length, self.level

    def decide(self, action):
        time.sleep(self.parameters.wait_s)
        return float(action == self.kind)

    def floor(self):
        return 0.0


infraray.register("tests/Lamps-v0", name="lamps", entry_point=Lamps, traits=traits)


@infraray.register_agent("clumsy", scenario="lamps")
class Clumsy(infraray.ScriptedAgent):
    """Repairs everything but long wires on level 2."""

    def act(self, observation):
        kind = int(observation.kind[0])
        fails = KINDS[kind] == "wire" and observation.length[0] >= 60 and observation.difficulty[0] == 2
        return (kind + 1) % len(KINDS) if fails else kind


@infraray.register_agent("able", scenario="lamps")
class Able(infraray.ScriptedAgent):
    """Repairs everything."""

    def act(self, observation):
        return int(observation.kind[0])


@infraray.register_agent("raising", scenario="lamps")
class Raising(infraray.ScriptedAgent):
    """Fails for good wherever a fuse is broken."""

    def act(self, observation):
        if KINDS[int(observation.kind[0])] == "fuse":
            raise ValueError("no fuses")
        return int(observation.kind[0])
