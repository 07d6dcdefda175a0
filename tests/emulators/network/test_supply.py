"""Networks prepared ahead, and what happens when one is lost."""

import os
import signal
import threading
import time

import pytest

from infraray.emulators import emulator
from infraray.emulators.network.namespace_network import NamespaceNetwork, fork_server
from infraray.emulators.network.supply import NetworkSupply
from infraray.emulators.network.topology import Segment, Topology
from infraray.errors import InfrarayError
from infraray.isolation import Limits
from tests.emulators.live import first_processes, needs_networks, start_time, wait_until

pytestmark = needs_networks

SMALL = Topology(2, 1)


@pytest.mark.alone
def test_the_next_network_is_there_when_the_agent_has_thought() -> None:
    supply = NetworkSupply(Topology(4, 4))
    with supply.take() as first:
        time.sleep(1.0)  # the agent thinks
        began = time.perf_counter()
        with supply.take() as second:
            assert time.perf_counter() - began < 0.1
            assert first.pid != second.pid
            first.apply("r0", ["sysctl -w net.ipv4.ip_forward=0"])
            assert second.pingmesh().all() and not first.pingmesh().all()
    supply.close()


def test_many_threads_take_networks_of_their_own() -> None:
    supply = NetworkSupply(SMALL)
    pids: list[int] = []

    def take() -> None:
        for _ in range(3):
            with supply.take() as network:
                pids.append(network.pid)
                assert network.pingmesh().all()

    threads = [threading.Thread(target=take) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    supply.close()
    assert len(set(pids)) == 9


@pytest.mark.parametrize("ends", ["close", "del"])
def test_a_supply_that_is_not_needed_closes_what_it_prepared(ends: str) -> None:
    supply = NetworkSupply(SMALL)
    supply.take().close()
    assert wait_until(lambda: first_processes(fork_server_pid()))
    if ends == "close":
        supply.close()
    else:
        del supply
    assert wait_until(lambda: not first_processes(fork_server_pid()))


def test_a_closed_supply_says_so() -> None:
    supply = NetworkSupply(SMALL)
    supply.close()
    with pytest.raises(InfrarayError, match="closed; make another one"):
        supply.take()


def test_a_prepared_network_that_was_killed_is_not_handed_out() -> None:
    supply = NetworkSupply(SMALL)
    with supply.take() as first:
        assert wait_until(lambda: len(first_processes(fork_server_pid())) == 2)
        (prepared,) = set(first_processes(fork_server_pid())) - {first.pid}
        os.kill(prepared, signal.SIGKILL)
        assert wait_until(lambda: not start_time(prepared))
        with supply.take() as second:
            assert second.pingmesh().all()
    supply.close()


def test_limits_of_a_supply_hold_in_its_networks() -> None:
    supply = NetworkSupply(SMALL, Limits(wall_s=0.3))
    with supply.take() as network:
        assert network.run("h1", "sleep 9").ended == "time"
    supply.close()


def fork_server_pid() -> int:
    assert fork_server.pid is not None
    return fork_server.pid


def test_a_killed_network_is_an_error_that_says_so_and_can_be_replaced() -> None:
    with NamespaceNetwork(SMALL) as network:
        os.kill(network.pid, signal.SIGKILL)
        with pytest.raises(InfrarayError, match="the network is lost: its process has ended; make another one"):
            network.pingmesh()
        with pytest.raises(InfrarayError, match="its process has ended"):
            network.snapshot()
        assert not network.alive
    with NamespaceNetwork(SMALL) as network:
        assert network.pingmesh().all()


def test_a_network_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    with NamespaceNetwork(SMALL) as network:
        pid = network.pid
        os.kill(pid, signal.SIGSTOP)
        monkeypatch.setattr(emulator, "ANSWER_S", 0.3)
        with pytest.raises(InfrarayError, match=r"the network is lost: it hangs, no answer in 0.3 s; make another one"):
            network.pingmesh()
        assert not start_time(pid)


def test_an_interrupted_request_gives_the_network_up() -> None:
    class Interrupt(BaseException):
        pass

    def interrupt(*_: object) -> None:
        raise Interrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with NamespaceNetwork(SMALL) as network:
            signal.setitimer(signal.ITIMER_REAL, 0.3)
            with pytest.raises(Interrupt):
                network.run("h1", "sleep 5")
            with pytest.raises(InfrarayError, match="a request was interrupted"):
                network.pingmesh()
    finally:
        signal.signal(signal.SIGALRM, before)


def test_a_killed_fork_server_is_replaced() -> None:
    with NamespaceNetwork(SMALL) as network:
        os.kill(fork_server_pid(), signal.SIGKILL)
        assert wait_until(lambda: not network.alive)
    with NamespaceNetwork(SMALL) as network:
        assert network.pingmesh().all()


def test_a_fork_of_the_process_neither_ends_nor_keeps_its_networks() -> None:
    with NamespaceNetwork(SMALL) as network:
        child = os.fork()
        if child == 0:
            with NamespaceNetwork(SMALL) as other:
                os._exit(0 if other.pingmesh().all() else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert network.pingmesh().all()


def test_supply_hands_out_other_plans_of_its_shape() -> None:
    supply = NetworkSupply(SMALL)
    supply.take().close()
    segments = tuple(
        Segment(f"10.9.{number}.0/25", (1, *range(5, 4 + len(members))), ("lan", *["eth0"] * (len(members) - 1)), 1400)
        if number == 1
        else Segment(f"10.9.{number}.0/25", (9, *range(20, 19 + len(members))), ("wan", *["eth0"] * (len(members) - 1)))
        for number, members in enumerate(SMALL.members, start=1)
    )
    topology = Topology(SMALL.num_subnets, SMALL.hosts_per_subnet, numbering=segments)
    with supply.take(topology) as network:
        assert network.pingmesh().all()
        links = network.snapshot()["r0"]["links"]
        assert {name: link["mtu"] for name, link in links.items() if name != "lo"} == {"lan": 1400, "wan": 1500}
    with pytest.raises(InfrarayError, match="has another shape"):
        supply.take(Topology(5, 1)).close()
    supply.close()
