"""Applications from nowhere: a random graph of services in several namespaces."""

from __future__ import annotations

from random import Random

from infraray.network_policies.pods import Protocol
from infraray.scenarios.kubernetes_policy.site.application import Application, Workload

WORDS = (
    ("account", "api", "audit", "basket", "billing", "booking", "catalog", "claims", "content", "customer"),
    ("delivery", "document", "fraud", "gateway", "geo", "identity", "image", "index", "inventory", "invoice"),
    ("ledger", "loyalty", "mail", "market", "message", "metric", "offer", "order", "partner", "price"),
    ("profile", "quote", "rating", "report", "review", "risk", "route", "search", "session", "stock"),
    ("tax", "ticket", "token", "tracking", "user", "vendor", "video", "voucher", "wallet", "warehouse"),
)
ROLES = ("api", "db", "cache", "queue", "worker", "store", "proxy", "service", "engine", "hub")
NAMESPACES = ("sales", "core", "data", "edge", "ops", "payments", "platform", "media", "search", "support")
OUTSIDE = "visitors"
PORT_NAMES = ("http", "grpc", "tcp", "main", "api")
DATAGRAMS = 0.15
"""Share of services that speak UDP."""

CONFINED = 0.3
"""Share of workloads whose sending is restricted too."""

MORE_FLOWS = 0.5
"""Connections beyond those that hold the graph together, per service."""


def draw_application(num_services: int, num_namespaces: int, random: Random) -> Application:
    """Draws names, ports, protocols and connections; connections lead from earlier services to later ones."""
    namespaces = random.sample(NAMESPACES, num_namespaces)
    words = random.sample([word for row in WORDS for word in row], num_services)
    workloads = []
    for position, word in enumerate(words):
        namespace = namespaces[position % num_namespaces]
        protocol: Protocol = "UDP" if position and random.random() < DATAGRAMS else "TCP"
        port = random.randint(1024, 49151)
        service_port = port if random.random() < 0.6 else random.randint(1024, 49151)
        name = f"{word}-{random.choice(ROLES)}"
        workloads.append(Workload(name, namespace, port, service_port, protocol, random.choice(PORT_NAMES)))
    names = [workload.name for workload in workloads]
    flows = {(names[random.randrange(position)], names[position]) for position in range(1, num_services)}
    possible = [(one, other) for place, one in enumerate(names) for other in names[place + 1 :]]
    flows |= set(random.sample(possible, min(len(possible), int(MORE_FLOWS * num_services))))
    visitor = Workload("visitor", OUTSIDE, container="main")
    flows |= {(workload.name, names[0]) for workload in (*workloads[1:], visitor)}
    confined = frozenset(name for name in names if random.random() < CONFINED)
    # What is confined reaches the entry only where that is told like any other connection.
    return Application((*workloads, visitor), frozenset(flows), frozenset({names[0]}), "visitor", confined)
