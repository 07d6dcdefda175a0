"""Small real runs, played here and stored."""

import asyncio
from pathlib import Path
from typing import Any

from infraray import __version__
from infraray.episodes import EpisodePlayer
from infraray.runs.planning import make_plan
from infraray.runs.run_file import RunSpec
from infraray.trajectories.encoding import encode, to_batch
from infraray.trajectories.reader import Run
from infraray.trajectories.store import RunStore, write_manifest

TALKER = "python:tests.exporters.talker:Talker"
SCRIPTED = "scripted:join_shortest_queue"
BREAKS_OFF = "python:tests.exporters.talker:breaks_off"


def play_run(folder: Path, *agents: str, seeds: int = 2, steps: int = 6, finish: bool = True, **section) -> Run:
    """Plays load balancing and stores it; ``finish=False`` leaves the second half in an open segment."""
    scenario = {
        "scenario": "load_balance",
        "parameters": {"num_servers": 3, "warmup_steps": 2, "scored_steps": steps - 2},
        **section,
    }
    return play_scenarios(folder, [scenario], list(agents), seeds, finish)


def play_scenarios(
    folder: Path,
    sections: list[dict[str, Any]],
    agents: list[str],
    seeds: int = 2,
    finish: bool = True,
    limit_s: float = 60.0,
) -> Run:
    """Plays the sections of a run file and stores them; an agent that waits has an event loop."""
    plan = make_plan(RunSpec.parse({"name": folder.name, "scenarios": sections, "agents": agents, "seeds": seeds}))
    about = {"infraray_version": __version__, "created_at": "2026-01-01T00:00:00+00:00"}
    write_manifest(folder, plan.manifest().model_copy(update=about))
    player = EpisodePlayer(limit_s)
    store = RunStore(folder)
    episodes = list(plan.episodes())
    for number, spec in enumerate(episodes):
        played = asyncio.run(player.converse(spec)) if spec.entry.conversational else player.play(spec)
        store.append(encode(to_batch(folder.name, [played]), [spec.id]))
        if number == len(episodes) // 2 and not finish:
            store.finish()
    if finish:
        store.finish()
    store.close()
    player.close()
    return Run(folder)
