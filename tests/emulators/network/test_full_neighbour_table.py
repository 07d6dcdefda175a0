"""A computer has one table of neighbours for all its networks: where others fill it, nothing is measured as broken."""

from __future__ import annotations

import pytest

from infraray.emulators.network.namespace_network import NamespaceNetwork
from infraray.emulators.network.topology import Topology
from tests.emulators.live import needs_networks
from tests.emulators.network.full_neighbour_table import full_neighbour_table, needs_room_to_fill

pytestmark = [needs_networks, needs_room_to_fill, pytest.mark.alone]


@pytest.mark.parametrize("measurement", ["pingmesh", "flowmesh"])
def test_a_measurement_waits_for_room(measurement: str) -> None:
    with NamespaceNetwork(Topology(2, 2)) as network, full_neighbour_table(seconds=2) as crowd:
        assert getattr(network, measurement)().all()
        assert crowd.poll() is not None  # until the others had gone
