"""What kinds of policies, and of changes to them, a number of cases has tried."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from infraray.network_policies.evaluator import PolicyEvaluator
from infraray.network_policies.pods import PROTOCOLS
from infraray.network_policies.policies import DIRECTIONS, NetworkPolicy, Peer, PolicyPort
from infraray.network_policies.reading import Manifest
from infraray.network_policies.selectors import LabelSelector

Kind = tuple[str, str]
"""A dimension and one of its kinds, such as ``("ports", "range")``."""

_SELECTORS = ("absent", "empty", "set")

KINDS: dict[str, tuple[str, ...]] = {
    "actions": (
        "create policy",
        "update policy",
        "delete policy",
        "label pod",
        "label namespace",
        "create pod",
        "delete pod",
    ),
    "targets": ("all pods", "labels", "expressions", "no pod"),
    "directions": ("ingress", "egress", "both", "defaulted"),
    "rules": ("none", "permits everything", "one", "several"),
    "peers": (
        "everybody",
        *(
            f"pods {pods}, namespaces {namespaces}"
            for pods in _SELECTORS
            for namespaces in _SELECTORS
            if (pods, namespaces) != ("absent", "absent")
        ),
        "expressions",
        "addresses",
        "addresses with exceptions",
        "several",
    ),
    "ports": ("all", "protocol alone", "number", "name", "range", "several"),
    "protocols": (*PROTOCOLS, "SCTP alone"),
    "conflicts": ("no policy", "one policy", "several policies", "one denies all and another permits"),
}
"""All kinds by dimension, after the tags of cyclonus' generator and the cases of Kubernetes' own tests."""


class Coverage:
    """Counts in how many cases each kind occurred."""

    def __init__(self) -> None:
        self.cases = 0
        self.counts: Counter[Kind] = Counter()

    def add(self, kinds: Iterable[Kind]) -> None:
        """Counts one case."""
        self.cases += 1
        self.counts.update(set(kinds))

    @property
    def missing(self) -> tuple[Kind, ...]:
        """The kinds that never occurred."""
        return tuple((one, kind) for one, kinds in KINDS.items() for kind in kinds if not self.counts[one, kind])

    def table(self) -> str:
        """One line per kind: the dimension, the kind and its number of cases."""
        width = max(len(kind) for kinds in KINDS.values() for kind in kinds)
        return "\n".join(
            f"{dimension:<11}{kind:<{width}}{self.counts[dimension, kind]:>8}"
            for dimension, kinds in KINDS.items()
            for kind in kinds
        )


def kinds_of(manifests: Iterable[Manifest]) -> set[Kind]:
    """The kinds that manifests have, apart from actions."""
    evaluator = PolicyEvaluator.of(manifests)
    found = {("targets", kind) for policy in evaluator.policies for kind in _targets(policy, evaluator)}
    for policy in evaluator.policies:
        found |= set(_kinds_of_policy(policy))
    for pod in evaluator.pods.values():
        for direction in DIRECTIONS:
            policies = evaluator.isolating(pod, direction)
            found.add(("conflicts", ("no policy", "one policy", "several policies")[min(len(policies), 2)]))
            if len({bool(policy.rules(direction)) for policy in policies}) == 2:
                found.add(("conflicts", "one denies all and another permits"))
    return found


def _targets(policy: NetworkPolicy, evaluator: PolicyEvaluator) -> Iterator[str]:
    if policy.selector.is_empty:
        yield "all pods"
    if policy.selector.match_labels:
        yield "labels"
    if policy.selector.match_expressions:
        yield "expressions"
    if not any(policy.selects(pod) for pod in evaluator.pods.values()):
        yield "no pod"


def _kinds_of_policy(policy: NetworkPolicy) -> Iterator[Kind]:
    yield "directions", "both" if len(policy.directions) == 2 else next(iter(policy.directions)).lower()
    if policy.defaulted:
        yield "directions", "defaulted"
    protocols = set()
    for direction in policy.directions:
        rules = policy.rules(direction)
        yield "rules", ("none", "one", "several")[min(len(rules), 2)]
        for rule in rules:
            if not rule.peers and not rule.ports:
                yield "rules", "permits everything"
            yield (
                "peers",
                "several" if len(rule.peers) > 1 else "everybody" if not rule.peers else _kind_of(rule.peers[0]),
            )
            for peer in rule.peers:
                yield "peers", _kind_of(peer)
                if any(one is not None and one.match_expressions for one in (peer.pods, peer.namespaces)):
                    yield "peers", "expressions"
            if len(rule.ports) != 1:
                yield "ports", "several" if rule.ports else "all"
            for port in rule.ports:
                yield "ports", _kind_of_port(port)
                yield "protocols", port.protocol
            protocols |= {port.protocol for port in rule.ports} or {*PROTOCOLS}
    if protocols == {"SCTP"}:
        yield "protocols", "SCTP alone"


def _kind_of(peer: Peer) -> str:
    if peer.block is not None:
        return "addresses with exceptions" if peer.block.excepted else "addresses"
    return f"pods {_selector(peer.pods)}, namespaces {_selector(peer.namespaces)}"


def _selector(selector: LabelSelector | None) -> str:
    return "absent" if selector is None else "empty" if selector.is_empty else "set"


def _kind_of_port(port: PolicyPort) -> str:
    if port.port is None:
        return "protocol alone"
    return "name" if isinstance(port.port, str) else "number" if port.end is None else "range"
