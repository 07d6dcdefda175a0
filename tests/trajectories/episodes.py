"""A few real, short episodes to store."""

from functools import cache

import infraray
from infraray.episodes import Entry, EpisodePlayer, EpisodeSpec, Trajectory
from infraray.trajectories.encoding import Message, encode, to_batch


def entry(agent: str = "scripted:random", **parameters) -> Entry:
    environment = infraray.make("load_balance", warmup_steps=2, scored_steps=5, **parameters)
    return Entry(
        "infraray/LoadBalance-v0",
        environment.parameters.model_dump(mode="json"),
        environment.options(),
        1,
        agent,
        {},
        "load_balance",
    )


@cache
def trajectory(seed: int) -> Trajectory:
    return EpisodePlayer(60).play(EpisodeSpec(entry(), seed, 0))


def message(*seeds: int) -> Message:
    played = [trajectory(seed) for seed in seeds]
    return encode(to_batch("test", played), [found.spec.id for found in played])
