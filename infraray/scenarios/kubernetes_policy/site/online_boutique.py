"""Google's Online Boutique: ten services, their cache and a load generator, in one namespace.

Services, ports and connections as in microservices-demo 0.10, whose policies restrict who may connect and not who may
be connected to.
"""

from __future__ import annotations

from infraray.scenarios.kubernetes_policy.site.application import Application, Workload

NAMESPACE = "boutique"
OUTSIDE = "visitors"

SERVICES = {
    "adservice": (9555, 9555, "grpc"),
    "cartservice": (7070, 7070, "grpc"),
    "checkoutservice": (5050, 5050, "grpc"),
    "currencyservice": (7000, 7000, "grpc"),
    "emailservice": (8080, 5000, "grpc"),
    "frontend": (8080, 80, "http"),
    "paymentservice": (50051, 50051, "grpc"),
    "productcatalogservice": (3550, 3550, "grpc"),
    "recommendationservice": (8080, 8080, "grpc"),
    "redis-cart": (6379, 6379, "tcp-redis"),
    "shippingservice": (50051, 50051, "grpc"),
}
"""The container's port, the service's, and their name; all TCP."""

CONNECTIONS = {
    "frontend": (
        "adservice",
        "cartservice",
        "checkoutservice",
        "currencyservice",
        "productcatalogservice",
        "recommendationservice",
        "shippingservice",
    ),
    "checkoutservice": (
        "cartservice",
        "currencyservice",
        "emailservice",
        "paymentservice",
        "productcatalogservice",
        "shippingservice",
    ),
    "recommendationservice": ("productcatalogservice",),
    "cartservice": ("redis-cart",),
}


def online_boutique() -> Application:
    """The application."""
    workloads = [
        Workload(name, NAMESPACE, port, service_port, "TCP", port_name, "redis" if name == "redis-cart" else "server")
        for name, (port, service_port, port_name) in SERVICES.items()
    ]
    workloads.append(Workload("loadgenerator", NAMESPACE, container="main"))
    visitor = Workload("visitor", OUTSIDE, container="main")
    everybody = [workload.name for workload in (*workloads, visitor) if workload.name != "frontend"]
    flows = {(source, target) for source, targets in CONNECTIONS.items() for target in targets}
    flows |= {(source, "frontend") for source in everybody}
    return Application((*workloads, visitor), frozenset(flows), frozenset({"frontend"}), "visitor")
