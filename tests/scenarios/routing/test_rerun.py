"""A network that dies of something else than the agent's commands costs the agent nothing, and saves it nothing."""

import os
import random
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

import infraray
from infraray.agents import Briefing, load_agent
from infraray.emulators import emulator
from infraray.emulators.network.namespace_network import NamespaceNetwork
from infraray.environment import Environment
from infraray.isolation import Limits
from infraray.scenarios.routing.environment import Routing
from infraray.scenarios.routing.tasks import make_task
from tests.emulators.live import needs_networks
from tests.emulators.network.full_neighbour_table import full_neighbour_table, needs_room_to_fill
from tests.scenarios.routing.test_episodes import FORWARDING_OFF, REPAIR, say

pytestmark = needs_networks


@pytest.fixture
def environment() -> Iterator[Environment]:
    made = infraray.make("routing", preset="netarena")
    made.reset(seed=FORWARDING_OFF)
    yield made
    made.close()


def network_of(environment: Environment) -> NamespaceNetwork:
    assert isinstance(environment, Routing) and isinstance(environment._network, NamespaceNetwork)
    return environment._network


def play(seed: int, before_step: Callable[[Environment], None]) -> tuple[Any, list[Any]]:
    """The expert's verdict and answers; ``before_step`` may do harm."""
    environment = infraray.make("routing", level=seed % 3 + 1)
    expert = load_agent("scripted:expert", "routing")
    observation, _ = environment.reset(seed=seed)
    expert.reset(Briefing.of(environment, 0))
    answers, over = [], False
    while not over:
        answers.append(expert.act(observation))
        before_step(environment)
        observation, _, over, _, info = environment.step(answers[-1])
        assert info["safe"]
    verdict = environment.verdict()
    environment.close()
    return verdict, answers


@pytest.mark.parametrize("seed", range(3))
def test_kills_at_random_moments_change_no_result(seed: int) -> None:
    chance = random.Random(seed)
    timers = []

    def kill_soon(environment: Environment) -> None:
        if chance.random() < 0.4:
            pid = network_of(environment).pid
            timers.append(threading.Timer(chance.choice((0.0, chance.uniform(0, 0.3))), kill, [pid]))
            timers[-1].start()

    assert play(seed, kill_soon) == play(seed, lambda _: None)
    for timer in timers:
        timer.join()


def test_a_hanging_emulator_changes_no_result(environment: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emulator, "ANSWER_S", 2.0)
    monkeypatch.setattr(emulator, "END_S", 1.0)
    environment.step(say("ip link set r0-eth1 down"))
    environment.step(say("ip link set r0-eth1 up"))
    network = network_of(environment)
    network.limits = Limits(wall_s=1.0)
    os.kill(network.pid, signal.SIGSTOP)
    _, _, terminated, _, info = environment.step(say(REPAIR))
    assert terminated and info["safe"] and "ruined" not in info["extra"]
    assert environment.verdict().correct


@pytest.mark.parametrize("method", ["pingmesh", "snapshot", "flowmesh", "run"])
def test_a_computer_that_is_too_busy_for_a_moment_changes_no_result(
    environment: Environment, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    fail_times(monkeypatch, method, 1)
    _, _, terminated, _, info = environment.step(say(REPAIR))
    assert terminated and info["safe"] and "ruined" not in info["extra"]
    assert environment.verdict().score == 1.0


@pytest.mark.parametrize("method", ["pingmesh", "snapshot", "flowmesh", "run"])
def test_a_computer_that_stays_too_busy_is_an_error_and_no_result(
    environment: Environment, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    fail_times(monkeypatch, method, 1000)
    with pytest.raises(infraray.InfrarayError, match="too busy"):
        environment.step(say(REPAIR))


@pytest.mark.alone
@needs_room_to_fill
def test_a_table_of_neighbours_that_others_fill_changes_no_result(environment: Environment) -> None:
    with full_neighbour_table(seconds=2) as crowd:
        _, _, terminated, _, info = environment.step(say(REPAIR))
        assert crowd.poll() is not None
    assert terminated and info["safe"] and "ruined" not in info["extra"]
    assert environment.verdict().score == 1.0


def test_commands_are_not_run_again_in_another_task(environment: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    made = "infraray.scenarios.routing.environment.make_task"
    monkeypatch.setattr(made, lambda supply, parameters, level, seed: make_task(supply, parameters, level, seed + 1))
    kill(network_of(environment).pid)
    with pytest.raises(infraray.InfrarayError, match="makes another task now"):
        environment.step(say(REPAIR))


def test_giving_up_in_a_network_that_was_killed_counts_what_was_repaired(environment: Environment) -> None:
    environment.step(say("ip link set r0-eth1 down"))
    kill(network_of(environment).pid)
    assert environment.step("done")[2]
    alike = infraray.make("routing", preset="netarena")
    alike.reset(seed=FORWARDING_OFF)
    alike.step(say("ip link set r0-eth1 down"))
    alike.step("done")
    assert environment.verdict() == alike.verdict()
    alike.close()


def kill(pid: int) -> None:
    """Ends a network's first process, if it still lives."""
    if pid > 0:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def fail_times(monkeypatch: pytest.MonkeyPatch, method: str, times: int) -> None:
    """Makes a network's method fail some times, whatever network it is."""
    works, left = getattr(NamespaceNetwork, method), iter(range(times))

    def fail_first(network: NamespaceNetwork, *arguments: Any) -> Any:
        if next(left, None) is not None:
            raise infraray.InfrarayError("this computer is too busy")
        return works(network, *arguments)

    monkeypatch.setattr(NamespaceNetwork, method, fail_first)
