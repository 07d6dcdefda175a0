"""The same episodes in a fresh interpreter, compared by their digests."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import infraray
from infraray.agents import Agent
from infraray.registration import Registration, register, registrations
from infraray.testing.playing import plain, play_agent
from infraray.user_file import load_file


def episode_digests(
    scenario: str, agents: Mapping[str, type[Agent]], arguments: Mapping[str, Any], seed: int
) -> dict[str, str]:
    """SHA-256 of everything that an episode of each agent returned and came to."""
    digests = {}
    for name, agent_class in agents.items():
        environment = infraray.make(scenario, **arguments)
        steps = play_agent(environment, agent_class(), seed)
        episode = [steps, plain(vars(environment.verdict()))]
        digests[name] = hashlib.sha256(json.dumps(episode, sort_keys=True).encode()).hexdigest()
    return digests


def digests_in_fresh_process(
    registration: Registration,
    agents: Mapping[str, type[Agent]],
    arguments: Mapping[str, Any],
    seed: int,
    hash_seed: int,
) -> dict[str, str]:
    """`episode_digests` as another interpreter finds them, whose hashes of strings differ.

    Raises:
        RuntimeError: the interpreter failed; the text is what it wrote.
    """
    # Pickled on its own: the user's file must be imported before the classes in it are unpickled.
    work = pickle.dumps((registration, dict(agents), dict(arguments), seed))
    done = subprocess.run(
        [sys.executable, "-c", "from infraray.testing.fresh_process import answer; answer()"],
        input=pickle.dumps((registration.file, work)),
        capture_output=True,
        env={**os.environ, "PYTHONHASHSEED": str(hash_seed), "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        timeout=300,
    )
    if done.returncode != 0:
        raise RuntimeError(f"a fresh interpreter could not play {registration.id}:\n{done.stderr.decode()}")
    digests: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    return digests


def answer() -> None:
    """What the fresh interpreter runs: reads from standard input, prints the digests."""
    file, work = pickle.load(sys.stdin.buffer)
    if file is not None:
        load_file(file)
    registration, agents, arguments, seed = pickle.loads(work)
    if registration.id not in {found.id for found in registrations()}:
        register(registration.id, name=registration.name, entry_point=registration.entry_point)
    print(json.dumps(episode_digests(registration.id, agents, arguments, seed)))
