"""Plays the same episodes in a fresh interpreter and compares their digests."""

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
from infraray.emulators.supply import kept_supplies
from infraray.registration import Registration, register, registrations
from infraray.testing.playing import plain, play_agent
from infraray.user_file import load_file


def episode_digests(
    scenario: str, agents: Mapping[str, type[Agent]], arguments: Mapping[str, Any], seed: int
) -> dict[str, str]:
    """SHA-256 of everything that each agent's episode returned and achieved."""
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
    """`episode_digests` as computed by another interpreter, whose string hashes differ.

    Raises:
        RuntimeError: the interpreter failed; the message is its output.
    """
    # Pickled separately: the user's file must be imported before its classes are unpickled.
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
    """The fresh interpreter's program: reads from standard input and prints the digests."""
    file, work = pickle.load(sys.stdin.buffer)
    if file is not None:
        load_file(file)
    registration, agents, arguments, seed = pickle.loads(work)
    if registration.id not in {found.id for found in registrations()}:
        register(registration.id, name=registration.name, entry_point=registration.entry_point)
    with kept_supplies():
        print(json.dumps(episode_digests(registration.id, agents, arguments, seed)))
