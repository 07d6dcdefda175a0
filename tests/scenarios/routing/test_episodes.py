"""An episode on a live network: its end, its rewards, what it leaves, and what an agent cannot do to it."""

import copy
import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import infraray
from infraray.emulators.network.namespace_network import NamespaceNetwork
from infraray.environment import Environment
from infraray.errors import Unavailable
from infraray.scenarios.routing.environment import Routing
from tests.emulators.live import needs_networks

pytestmark = needs_networks

FORWARDING_OFF = 15
"""A seed of level 1 whose fault is ``disable_routing/sysctl``."""

REPAIR = "sysctl -w net.ipv4.ip_forward=1"
OTHER_FAULT = "ip link set r0-eth1 down"
STRAY = "10.9.9.0/24 dev lo"


@pytest.fixture(scope="module")
def shared() -> Iterator[Environment]:
    environment = infraray.make("routing", preset="netarena")
    yield environment
    environment.close()


@pytest.fixture
def environment(shared: Environment) -> Environment:
    shared.reset(seed=FORWARDING_OFF)
    return shared


def say(command: str, machine: str = "r0") -> str:
    return json.dumps({"machine": machine, "command": command})


def test_repair_ends_the_episode_at_the_bound(environment: Environment) -> None:
    observation, reward, terminated, _, info = environment.step(say(REPAIR))
    assert terminated and info["safe"] and info["extra"]["deed"] == "fix"
    assert info["extra"]["faults"] == [["disable_routing", "sysctl", "r0"]]
    assert reward == pytest.approx(1 - 0.02)
    assert observation["text_observation"].split("\n\n")[1].startswith("Who reaches whom:\nh1 -> all\n")
    verdict = environment.verdict()
    assert (verdict.score, verdict.correct, verdict.safe, verdict.failure) == (environment.bound(), True, True, None)


def test_done_ends_the_episode_at_the_floor(environment: Environment) -> None:
    _, reward, terminated, _, _ = environment.step("done")
    assert (reward, terminated) == (0.0, True)
    verdict = environment.verdict()
    assert (verdict.score, verdict.correct, verdict.safe, verdict.failure) == (0.0, False, True, "no_repair")


def test_a_lost_pair_is_unsafe_for_good(environment: Environment) -> None:
    _, reward, terminated, _, info = environment.step(say(OTHER_FAULT))
    assert not terminated and not info["safe"] and reward < -0.5
    environment.step(say("ip link set r0-eth1 up"))
    _, _, terminated, _, info = environment.step(say(REPAIR))
    assert terminated and info["safe"]
    verdict = environment.verdict()
    assert (verdict.correct, verdict.safe, verdict.failure) == (True, False, "safety_violation")
    assert verdict.score < 0.5


MANY_ROUTES = "seq 1 10000 | awk '{printf \"route add 10.0.%d.%d dev lo\\n\", $1 / 256, $1 % 256}' | ip -batch -"


@pytest.fixture
def small_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the agent's command need not take minutes."""
    monkeypatch.setattr("infraray.emulators.inside.frames.MAX_BYTES", 1 << 19)


@pytest.mark.usefixtures("small_answers")
def test_network_that_cannot_be_measured_any_more_is_lost_by_the_agent(environment: Environment) -> None:
    observation, reward, terminated, _, info = environment.step(say(MANY_ROUTES))
    assert terminated and not info["safe"] and reward < -0.5
    assert info["extra"]["deed"] == "unsafe" and "a message of over" in info["extra"]["ruined"]
    assert observation["text_observation"].split("\n\n")[1].startswith("Who reaches whom:\nh1 -> none\n")
    verdict = environment.verdict()
    assert (verdict.score, verdict.correct, verdict.safe, verdict.failure) == (0.0, False, False, "safety_violation")
    assert verdict.metrics["pairs_broken_at_end"] == 20


def test_what_fails_without_the_agents_command_too_is_not_the_agents(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(NamespaceNetwork, "pingmesh", _refuse)
    with pytest.raises(infraray.InfrarayError, match="no network"):
        environment.step(say("true"))


def test_output_is_shown_and_history_kept(environment: Environment) -> None:
    environment.step(say("ip route", "h1"))
    observation, *_ = environment.step(say("echo é; exit 3".encode("ascii", "ignore").decode()))
    text = observation["text_observation"]
    assert "1. h1: ip route (exit code 0); 8 pairs fail" in text
    assert "Output of command 2 on r0 (exit code 3)" in text
    assert "8 commands are left." in text
    assert observation["numeric_observation"][-1] == 8


def test_commands_run_out() -> None:
    environment = infraray.make("routing", preset="netarena", max_commands=2)
    environment.reset(seed=FORWARDING_OFF)
    assert not environment.step(say("true"))[2]
    assert environment.step(say("false"))[2]
    assert environment.verdict().failure == "operational_error"
    environment.close()


def test_paper_reward() -> None:
    environment = infraray.make(
        "routing", preset="netarena", reward="paper", invalid_action="penalty", invalid_penalty=100
    )
    environment.reset(seed=FORWARDING_OFF)
    rewards = [
        environment.step(said)[1]
        for said in ("hm", say("frob"), say("ip route"), say(f"ip route add {STRAY}"), say(f"ip route del {STRAY}"))
    ]
    # An answer that is none: the default action's 10 for a look, less the penalty.
    assert rewards == [-90.0, -100.0, 10.0, 0.0, 0.0]
    assert environment.step(say(REPAIR))[1] == 100.0
    environment.close()


HOSTILE = (
    "kill -9 -1",
    "kill -9 1 $PPID",
    "yes",
    "cat /proc/1/environ /proc/1/cmdline /etc/shadow /root/.profile",
    "for s in 1 2 3 9 15; do trap '' $s; done; (setsid sleep 1000 &); exit 0",
    "hostname gone; echo gone > /proc/sys/kernel/hostname",
    "printf '\\033]0;gone\\007\\033[2J\\0'",
    "{ip} link set r0-eth1 netns 1; nsenter -t 1 -a true; unshare -Urn true",
    "rm -rf --no-preserve-root /",
)


def test_hostile_commands_leave_host_and_episode_intact(tmp_path: Path) -> None:
    environment = infraray.make("routing", preset="netarena", max_commands=20)
    environment.reset(seed=FORWARDING_OFF)
    witness = tmp_path / "witness"
    witness.write_text("here")

    def host() -> list[Any]:
        folders = [sorted(os.listdir(folder)) for folder in ("/", "/etc", "/usr/bin", "/sys/class/net", str(tmp_path))]
        return [*folders, witness.read_text(), socket.gethostname()]

    before = host()
    # The last of them only where the first found nothing to remove.
    for command in (f"rm -rf {tmp_path} && echo gone > {witness}", *HOSTILE):
        observation, _, terminated, _, info = environment.step(say(command))
        assert host() == before, command
        assert not terminated and info["valid"], command
        assert environment.observation_space.contains(observation), command
    assert environment.step(say(REPAIR))[2]
    assert environment.verdict().correct
    environment.close()


def test_copy_of_an_environment_goes_on_in_a_network_of_its_own(environment: Environment) -> None:
    environment.step(say(OTHER_FAULT))
    twin = copy.deepcopy(environment)
    for command in ("ip link set r0-eth1 up", REPAIR):
        one, other = environment.step(say(command)), twin.step(say(command))
        assert np.array_equal(one[0]["numeric_observation"], other[0]["numeric_observation"])
        assert one[1:3] == other[1:3]
    assert twin.verdict() == environment.verdict()
    twin.close()


def test_network_ends_with_the_episode(environment: Environment) -> None:
    assert isinstance(environment, Routing)
    network = environment._network
    assert network is not None and network.alive  # type: ignore[attr-defined]
    environment.step("done")
    assert not network.alive  # type: ignore[attr-defined]


def test_prepared_task_is_the_same_task() -> None:
    environment = infraray.make("routing", preset="netarena")
    first, _ = environment.reset(seed=FORWARDING_OFF)
    environment.prepare(FORWARDING_OFF)  # type: ignore[attr-defined]
    again, _ = environment.reset(seed=FORWARDING_OFF)
    assert first["text_observation"] == again["text_observation"]
    environment.prepare(1)  # type: ignore[attr-defined]
    unasked, _ = environment.reset(seed=FORWARDING_OFF)
    assert first["text_observation"] == unasked["text_observation"]
    environment.close()


def test_missing_programs_are_named_and_are_nobodys_failure(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infraray.scenarios.routing.environment.PATH", "/nowhere")
    assert str(Routing.problem()).startswith("apt-get install net-tools procps mawk")
    monkeypatch.setattr("infraray.scenarios.routing.environment.make_task", _refuse)
    with pytest.raises(Unavailable, match="apt-get install net-tools"):
        environment.reset(seed=0)


def _refuse(*_: Any) -> None:
    raise infraray.InfrarayError("no network")
