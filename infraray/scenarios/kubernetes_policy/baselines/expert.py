"""The expert: reads all policies and corrects what contradicts the text.

It knows what every agent sees: the text and outputs. It looks once at each namespace, then corrects each wrong policy
with one command. Whom a workload may send to comes last: as long as that is restricted, it may hide that another one
lets it in. Rules that mean none of the application's workloads are left alone.
"""

from __future__ import annotations

import copy
import json
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any, NamedTuple

from infraray.agents.agent import Briefing, ScriptedAgent, register_agent
from infraray.errors import InfrarayError
from infraray.network_policies import Namespace, Peer
from infraray.network_policies.reading import Field
from infraray.observation import Observation
from infraray.scenarios.kubernetes_policy.actions import DONE, SPECIFICATIONS
from infraray.scenarios.kubernetes_policy.baselines.constant import say
from infraray.scenarios.kubernetes_policy.effect import POD_NETWORKS
from infraray.scenarios.kubernetes_policy.site import Application, Workload
from infraray.scenarios.kubernetes_policy.site.policies import peer_of
from infraray.scenarios.kubernetes_policy.words import application_shown, output_shown

ROUNDS = 2
"""Times it inspects everything before it gives up."""


@register_agent("expert", scenario="kubernetes_policy")
class Expert(ScriptedAgent):
    """Looks, repairs and moves on."""

    def reset(self, briefing: Briefing) -> None:
        """Forgets what was seen."""
        super().reset(briefing)
        self.rounds = 0
        self.looks: list[str] = []
        self.looked: str | None = None
        self.repairs: list[Repair] = []

    def act(self, observation: Observation) -> str:
        """Answers with JSON; needs the text of the observation."""
        if "text_observation" not in observation:
            raise InfrarayError("scripted:expert reads the outputs of commands; it cannot play with text=False")
        text = observation["text_observation"]
        application = application_shown(text)
        if self.looked is not None:
            self.repairs += repairs(application, self.looked, output_shown(text))
            self.repairs.sort(key=lambda repair: repair.sends)
            self.looked = None
        if not self.looks and not self.repairs:
            self.rounds += 1
            if self.rounds > ROUNDS:
                return say(DONE)
            self.looks = [*application.namespaces]
        if self.looks:
            self.looked = self.looks.pop(0)
            return say(f"kubectl get networkpolicies -n {self.looked} -o jsonpath={SPECIFICATIONS}")
        return say(self.repairs.pop(0).command)


class Repair(NamedTuple):
    """A command that corrects a policy.

    Args:
        command: the command.
        sends: whether it changes whom a workload may send to.
    """

    command: str
    sends: bool


@dataclass
class Shown:
    """A policy as it was shown, and as it should be.

    Args:
        name: its name.
        spec: its specification.
        right: the same, corrected.
    """

    name: str
    spec: dict[str, Any]
    right: dict[str, Any]


def repairs(application: Application, namespace: str, output: str) -> Iterator[Repair]:
    """The commands that correct the policies of a namespace, as it was shown."""
    shown = [_read(line) for line in output.splitlines() if line.endswith("}")]
    for workload in application.members:
        if workload.namespace == namespace:
            own = [one for one in shown if one.spec.get("podSelector") == {"matchLabels": workload.labels}]
            _correct(application, workload, own)
    for one in shown:
        if one.right != one.spec:
            yield Repair(_command(namespace, one), one.right.get("egress") != one.spec.get("egress"))


def _read(line: str) -> Shown:
    name, _, spec = line.partition(" ")
    return Shown(name, json.loads(spec), json.loads(spec))


def _command(namespace: str, one: Shown) -> str:
    if one.spec["policyTypes"] == ["Ingress"] and not one.right["ingress"]:
        return f"kubectl delete networkpolicy {one.name} -n {namespace}"
    patch = [
        {"op": "add", "path": f"/spec/{part}", "value": one.right[part]}
        for part in ("ingress", "egress")
        if one.right.get(part) != one.spec.get(part)
    ]
    return f"kubectl patch networkpolicy {one.name} -n {namespace} --type=json -p {shlex.quote(json.dumps(patch))}"


def _correct(application: Application, workload: Workload, policies: list[Shown]) -> None:
    """Corrects the policies of a workload."""
    for one in policies:
        if "Egress" in one.spec["policyTypes"] and workload.name not in application.confined:
            one.right["egress"] = [{}]
    if workload.name in application.entries:
        if not any({} in one.spec.get("ingress", ()) for one in policies):
            _main(policies).right["ingress"] = [{}]
        return
    intended = {*application.sources_of(workload.name)}
    admitted: set[str] = set()
    for one in policies:
        rules = []
        for rule in one.spec.get("ingress", ()):
            right = _corrected(application, workload, copy.deepcopy(rule), intended)
            if right is not None:
                rules.append(right)
                admitted |= {name for peer in right["from"] for name in _means(application, workload, peer)}
        if rules != one.spec.get("ingress", []):
            one.right["ingress"] = rules
    missing = sorted(intended - admitted)
    if missing:
        peers = [peer_of(application.by_name[name], workload) for name in missing]
        rule = {"from": peers, "ports": [_port(workload)]}
        main = _main(policies)
        main.right["ingress"] = [*main.right.get("ingress", ()), rule]


def _main(policies: list[Shown]) -> Shown:
    """The policy that takes what is missing: a wrong one first, and one for both directions before others."""
    return max(policies, key=lambda one: (one.right != one.spec, len(one.spec["policyTypes"])))


def _corrected(
    application: Application, workload: Workload, rule: dict[str, Any], intended: set[str]
) -> dict[str, Any] | None:
    """A rule without the peers that are not intended and with the right port; None if nothing is left."""
    meant = [(peer, _means(application, workload, peer)) for peer in rule.get("from", ())]
    rule["from"] = [peer for peer, names in meant if names <= intended]
    if not rule["from"]:
        return None
    own = any(names for peer, names in meant if names <= intended)
    if own and rule.get("ports") not in ([_port(workload)], [_port(workload, named=True)]):
        rule["ports"] = [_port(workload)]
    return rule


def _means(application: Application, workload: Workload, peer: dict[str, Any]) -> set[str]:
    """The workloads that a peer means, other than the policy's own."""
    read = Peer.of(Field(peer, "peer"))
    if read.block is not None:
        everybody = {one.name for one in application.workloads if one != workload}
        return everybody if POD_NETWORKS.overlaps(ip_network(str(read.block.cidr))) else set()
    return {
        one.name
        for one in application.workloads
        if one != workload and read.includes(one.pod(), Namespace.named(one.namespace), workload.namespace)
    }


def _port(workload: Workload, named: bool = False) -> dict[str, Any]:
    return {"port": workload.port_name if named else workload.port, "protocol": workload.protocol}
