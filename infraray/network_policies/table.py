"""All connections between many ends at once, in NumPy: what `PolicyEvaluator.may` says of each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from infraray.network_policies.evaluator import End, PolicyEvaluator
from infraray.network_policies.pods import Namespace, Pod, Protocol
from infraray.network_policies.policies import Direction, NetworkPolicy, Rule

Permitted = NDArray[np.bool_]
"""``[source, target, port]``: which connections are permitted."""


class PermissionTables:
    """The permitted connections from each of some ends to each other, for one set of policies after another.

    What a policy means is computed once, so sets that share policies, the same objects, cost little more than one.

    Args:
        namespaces: the namespaces of the pods among the ends.
        ends: pods, and addresses of what is none.
        ports: protocols and numbers.
    """

    def __init__(
        self, namespaces: Iterable[Namespace], ends: Sequence[End], ports: Sequence[tuple[Protocol, int]]
    ) -> None:
        self.namespaces = tuple(namespaces)
        self.ends = tuple(ends)
        self.ports = tuple(ports)
        self._pods = [end if isinstance(end, Pod) else None for end in ends]
        # The rules are kept with their masks, since only objects that live have ids of their own.
        self._peers: dict[int, tuple[Rule, NDArray[np.bool_]]] = {}
        self._by_port: dict[int, tuple[Rule, NDArray[np.bool_]]] = {}

    def permitted(self, policies: Iterable[NetworkPolicy]) -> Permitted:
        """The table of a set of policies."""
        evaluator = PolicyEvaluator(filter(None, self._pods), self.namespaces, policies)
        table = np.ones((len(self.ends), len(self.ends), len(self.ports)), np.bool_)
        for position, pod in enumerate(self._pods):
            if pod is None:
                continue
            if isolating := evaluator.isolating(pod, "Egress"):
                table[position] &= self._permits(evaluator, "Egress", position, isolating)
            if isolating := evaluator.isolating(pod, "Ingress"):
                table[:, position] &= self._permits(evaluator, "Ingress", position, isolating)
        for position, pod in enumerate(self._pods):
            table[position, position] = True
            for other, end in enumerate(self.ends if pod is not None and pod.host_addresses else ()):
                if pod is not None and evaluator.is_node_of(pod, end):
                    table[position, other] = table[other, position] = True
        return table

    def _permits(
        self, evaluator: PolicyEvaluator, direction: Direction, position: int, policies: Sequence[NetworkPolicy]
    ) -> NDArray[np.bool_]:
        """``[other, port]`` for the pod at a position."""
        found = np.zeros((len(self.ends), len(self.ports)), np.bool_)
        for policy in policies:
            for rule in policy.rules(direction):
                by_port = self._of_ports(rule)
                found |= self._of_peers(evaluator, rule, policy)[:, None] & (
                    by_port[position] if direction == "Ingress" else by_port
                )
        return found

    def _of_peers(self, evaluator: PolicyEvaluator, rule: Rule, policy: NetworkPolicy) -> NDArray[np.bool_]:
        """``[end]``: who is a peer of a rule."""
        if id(rule) not in self._peers:
            mask = [
                not rule.peers or any(evaluator.includes(peer, end, policy.namespace) for peer in rule.peers)
                for end in self.ends
            ]
            self._peers[id(rule)] = rule, np.array(mask, np.bool_)
        return self._peers[id(rule)][1]

    def _of_ports(self, rule: Rule) -> NDArray[np.bool_]:
        """``[destination, port]``: which ports a rule means at each destination."""
        if id(rule) not in self._by_port:
            named = any(isinstance(one.port, str) for one in rule.ports)
            rows = [
                [not rule.ports or any(one.includes(*port, pod) for one in rule.ports) for port in self.ports]
                for pod in (self._pods if named else [None])
            ]
            self._by_port[id(rule)] = rule, np.broadcast_to(np.array(rows, np.bool_), (len(self.ends), len(self.ports)))
        return self._by_port[id(rule)][1]
