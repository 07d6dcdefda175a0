"""What is missing on a machine is said in one line that names the command to run."""

from pathlib import Path

import pytest

from infraray.emulators import network, requirements
from infraray.emulators.network.inside import mininet_package
from infraray.emulators.network.namespace_network import NamespaceNetwork
from infraray.emulators.network.topology import Topology
from infraray.errors import InfrarayError
from tests.emulators.live import needs_networks


@needs_networks
def test_where_networks_run_nothing_is_missing() -> None:
    assert network.problem() is None
    assert network.features() <= {"netem"}


def test_missing_programs_are_named_with_their_packages(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(requirements, "PATH", str(tmp_path))
    monkeypatch.setattr(mininet_package, "DEBIAN", tmp_path / "mininet")
    problem = network.problem()
    assert problem is not None and "\n" not in problem
    assert problem.startswith("apt-get install iproute2 iptables ")
    assert "util-linux" in problem


def test_a_kernel_that_forbids_namespaces_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        requirements, "_NAMESPACES", ["sh", "-c", "echo unshare failed: Operation not permitted >&2; exit 1"]
    )
    problem = network.problem()
    if "apt-get" not in str(problem):
        assert problem is not None and "\n" not in problem
        assert "(unshare failed: Operation not permitted)" in problem


@needs_networks
def test_where_the_kernel_refuses_the_network_s_error_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infraray.emulators.network.namespace_network.problem", lambda: "no namespaces here")
    monkeypatch.setattr("infraray.emulators.emulator.ANSWER_S", -1000.0)
    with pytest.raises(InfrarayError, match=r"^the network was not built: no namespaces here$"):
        NamespaceNetwork(Topology(2, 1))
