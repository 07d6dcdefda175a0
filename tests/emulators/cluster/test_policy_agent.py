"""What the kernel refuses closes one pod, keeps the others, and is told."""

import os
import subprocess
import sys
from pathlib import Path

from tests.emulators.cluster.live import needs_clusters

pytestmark = needs_clusters

PROGRAM = """
from infraray.emulators.cluster.inside.policy_agent import PolicyAgent
from infraray.emulators.cluster.inside.api_client import Address
from infraray.emulators.cluster.inside.policy_rules import ANYTHING, Box, Rules

agent = PolicyAgent(Address("http://127.0.0.1:1"))
everywhere = Box(0, 2**32 - 1, ANYTHING)
pods, alone = frozenset({10, 11}), {"ingress": frozenset({10, 11}), "egress": frozenset()}
# Overlapping boxes, which the kernel refuses.
boxes = {("ingress", 10): frozenset({everywhere}), ("ingress", 11): frozenset({everywhere, Box(5, 9, ANYTHING)})}
refused = agent._enforce(Rules(pods, alone, boxes))
assert refused.keys() == {11}, refused
assert agent._in_force.boxes["ingress", 10] == {everywhere}
assert 11 not in agent._in_force.pods and 11 in agent._in_force.isolated["egress"]
boxes = {("ingress", 10): frozenset(), ("ingress", 11): frozenset({everywhere})}
assert agent._enforce(Rules(pods, alone, boxes)) == {}
assert agent._in_force.pods == pods and 11 not in agent._in_force.isolated["egress"]
"""


def test_rules_that_the_kernel_refuses_close_their_pod_alone() -> None:
    command = ["unshare", "--user", "--map-root-user", "--net", sys.executable, "-c", PROGRAM]
    result = subprocess.run(command, cwd=Path(__file__).parents[3], env={**os.environ}, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
