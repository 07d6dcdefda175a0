"""What else belongs in the policies of an application, and is not told: for others than the application's workloads.

None of it concerns the connections that are told, so it keeps out of every repair; but clearing the policies away, or
writing them anew from what is told, loses it.
"""

from __future__ import annotations

from random import Random
from typing import Any

from infraray.network_policies.pods import NAME_LABEL
from infraray.scenarios.kubernetes_policy.site.application import Application, Manifest, Workload
from infraray.scenarios.kubernetes_policy.site.policies import network_policy

OBSERVERS = (
    ("monitoring", {"app.kubernetes.io/name": "prometheus"}),
    ("observability", {"component": "collector"}),
    ("logging", {"role": "shipper"}),
)
JOBS = ("backup", "migration", "report", "cleanup")
NETWORKS = ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")
"""Networks outside the cluster; its pods have none of these addresses."""

EXCEPTIONS = (".0/28", ".64/27", ".128/26", ".240/29")


def add_fixtures(policies: list[Manifest], application: Application, random: Random) -> list[Manifest]:
    """The policies with further rules in some of them, and further policies."""
    ingress = [one for one in policies if one["spec"].get("ingress") not in (None, [{}])]
    for one in random.sample(ingress, min(len(ingress), random.randint(3, 5))):
        workload = _workload(one, application)
        rule = {"from": [random.choice((_observer, _network))(random)], "ports": [_port(workload, random)]}
        one["spec"]["ingress"].insert(random.randint(0, len(one["spec"]["ingress"])), rule)
    further = [*_job(random.choice(application.targets), random), _sender(application, random)]
    return [*policies, *further]


def _workload(policy: Manifest, application: Application) -> Workload:
    return application.by_name[policy["spec"]["podSelector"]["matchLabels"]["app"]]


def _observer(random: Random) -> dict[str, Any]:
    namespace, labels = random.choice(OBSERVERS)
    return {"namespaceSelector": {"matchLabels": {NAME_LABEL: namespace}}, "podSelector": {"matchLabels": dict(labels)}}


def _network(random: Random) -> dict[str, Any]:
    network = random.choice(NETWORKS)
    block: dict[str, Any] = {"cidr": network}
    if random.random() < 0.7:
        block["except"] = [network.removesuffix(".0/24") + random.choice(EXCEPTIONS)]
    return {"ipBlock": block}


def _port(workload: Workload, random: Random) -> dict[str, Any]:
    port = random.choice((workload.port, 9090, 9100, 9464))
    return {"port": port, "protocol": workload.protocol if port == workload.port else "TCP"}


def _job(target: Workload, random: Random) -> list[Manifest]:
    """Lets the pods of a job, none of which runs now, send, and a workload receive what they send."""
    job = random.choice(JOBS)
    labels = {"matchLabels": {"job": job}}
    port = {"port": target.port, "protocol": target.protocol}
    receives = {
        "podSelector": {"matchLabels": target.labels},
        "policyTypes": ["Ingress"],
        "ingress": [{"from": [{"podSelector": labels}], "ports": [port]}],
    }
    sends = {"podSelector": labels, "policyTypes": ["Egress"], "egress": [{"ports": [port]}]}
    names = (f"{job}-job", f"{job}-job-sends")
    return [network_policy(name, target.namespace, spec) for name, spec in zip(names, (receives, sends), strict=True)]


def _sender(application: Application, random: Random) -> Manifest:
    """Lets the pods of another job send to a network outside."""
    job = random.choice(JOBS)
    rule = {"to": [_network(random)], "ports": [{"port": 443, "protocol": "TCP"}]}
    spec = {"podSelector": {"matchLabels": {"sends": job}}, "policyTypes": ["Egress"], "egress": [rule]}
    return network_policy(f"{job}-uploads", random.choice(application.namespaces), spec)
