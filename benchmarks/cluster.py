"""Emulated Kubernetes clusters: `python -m benchmarks.cluster`, some three minutes.

Prints in one run, for an application of 13 pods under 14 policies:
- from nothing to a running, guarded application and its first matrix, with imports and namespaces (target: under 2 s),
  and the same with a prepared cluster (target: under 0.2 s);
- the matrix of all pairs against one process of kubectl exec for each probe, all at once, as NetArena measures (target:
  under 0.3 s whatever is blocked);
- the time from a policy's creation to its effect (target: under 50 ms);
- wrong cells in 1000 matrices (target: none);
- memory for each of 8 clusters that live at once, as an unprivileged user where this is root.
"""

import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from benchmarks.elapsed import median_of_interpreters, seconds
from benchmarks.emulator import below
from benchmarks.memory import proportional_kib
from benchmarks.table import Row, print_table
from infraray.emulators.cluster.cluster import Cluster, Probe, fork_server
from infraray.emulators.cluster.supply import ClusterSupply
from infraray.isolation import Limits

REPEATS = 11
AT_ONCE = 8
MATRICES = 1000

Object = dict[str, Any]

FLOWS = {0: range(1, 8), 1: (8, 9), 2: (8,), 3: (9, 10, 11, 12), 8: (12,)}
"""Which workload may open connections to which."""

COLD = """
import time
began = time.perf_counter()
from benchmarks.cluster import guarded
from infraray.emulators.cluster.cluster import Cluster
with Cluster() as cluster:
    guarded(cluster)
    print(time.perf_counter() - began)
"""


def name(number: int) -> str:
    return f"service-{number}"


def workloads() -> list[Object]:
    """13 deployments of one pod each, with their services."""
    made: list[Object] = []
    for number in range(13):
        labels = {"app": name(number)}
        container = {"name": "server", "image": "listener", "ports": [{"containerPort": 5000 + number}]}
        template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
        spec = {"selector": {"matchLabels": labels}, "template": template}
        metadata = {"name": name(number), "namespace": "default"}
        made.append({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec})
        spec = {"selector": labels, "ports": [{"name": "grpc", "port": 5000 + number}]}
        made.append({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec})
    return made


def policies() -> list[Object]:
    """Everything is denied but the flows."""
    made = [policy("deny-all", {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]})]
    for number in range(13):
        sources = [{"podSelector": {"matchLabels": {"app": name(one)}}} for one in FLOWS if number in FLOWS[one]]
        rules = [{"from": sources, "ports": [{"port": 5000 + number}]}] if sources else []
        spec = {"podSelector": {"matchLabels": {"app": name(number)}}, "ingress": rules, "egress": [{}]}
        made.append(policy(name(number), {**spec, "policyTypes": ["Ingress", "Egress"]}))
    return made


def policy(title: str, spec: Object) -> Object:
    metadata = {"name": title, "namespace": "default"}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": spec}


PROBES = [
    Probe(f"deployment/{name(source)}", name(target), 5000 + target)
    for source in range(13)
    for target in range(13)
    if source != target
]
EXPECTED = [target in FLOWS.get(source, ()) for source in range(13) for target in range(13) if source != target]


def guarded(cluster: Cluster) -> None:
    """Deploys the application, and finds all pods as the policies want it."""
    cluster.apply([*policies(), *workloads()])
    cluster.settle()
    assert connected(cluster) == EXPECTED


def connected(cluster: Cluster) -> list[bool]:
    return [outcome.connected for outcome in cluster.matrix(PROBES)]


def prepared_s() -> float:
    """Median wait of an environment after the agent has thought for a second: policies come with the task."""
    supply = ClusterSupply(workloads())
    supply.take().close()
    found = []
    for _ in range(REPEATS):
        time.sleep(1.0)
        began = time.perf_counter()
        with supply.take() as cluster:
            cluster.apply(policies())
            cluster.settle()
            assert connected(cluster) == EXPECTED
            found.append(time.perf_counter() - began)
    supply.close()
    return statistics.median(found)


def processes_s(cluster: Cluster) -> float:
    """One process of kubectl for each probe, all at once."""
    lines = []
    for probe in PROBES:
        attempt = f"timeout 1 bash -c '</dev/tcp/{probe.host}/{probe.port}'"
        lines.append(f'kubectl exec {probe.source} -- sh -c "{attempt}" >/dev/null 2>&1 && echo open &')
    finished = cluster.run("\n".join([*lines, "wait"]))
    assert finished.output.split() == ["open"] * sum(EXPECTED), finished
    return finished.wall_s


def effect_ms(cluster: Cluster) -> float:
    """Median time from the answer to a policy's creation until a connection is blocked, with the measurement of it."""
    probe, denied = PROBES[0], policy("denied", {"podSelector": {}, "policyTypes": ["Egress"]})
    cluster.delete(policies())
    cluster.settle()
    found = []
    for _ in range(REPEATS):
        cluster.apply([denied])
        began = time.perf_counter()
        while cluster.matrix([probe])[0].connected:
            pass
        found.append(1000 * (time.perf_counter() - began))
        cluster.delete([denied])
        cluster.settle()
        assert cluster.matrix([probe])[0].connected
    return statistics.median(found)


def memory_mib() -> tuple[float, float]:
    """Proportional set size of each of 8 clusters with the application, and seconds until all of them are guarded."""
    began = time.perf_counter()
    with ThreadPoolExecutor(AT_ONCE) as threads:
        clusters = list(threads.map(lambda _: Cluster(), range(AT_ONCE)))
        list(threads.map(guarded, clusters))
    took = time.perf_counter() - began
    assert fork_server.pid is not None
    total_kib = sum(map(proportional_kib, [fork_server.pid, *below(fork_server.pid)]))
    for cluster in clusters:
        cluster.close()
    return total_kib / 1024 / AT_ONCE, took


def main() -> list[Row]:
    cold, prepared = median_of_interpreters(COLD, REPEATS), prepared_s()
    with Cluster(Limits(wall_s=120, cpu_s=240, memory_bytes=2**33, processes=4096)) as cluster:
        guarded(cluster)
        permitted = statistics.median(seconds(lambda: connected(cluster)) for _ in range(REPEATS))
        processes = processes_s(cluster)
        wrong = sum(found != EXPECTED for found in (connected(cluster) for _ in range(MATRICES)))
        cluster.apply([policy(one["metadata"]["name"], {"podSelector": {}, "ingress": []}) for one in policies()])
        cluster.settle()
        assert not any(connected(cluster))
        blocked = statistics.median(seconds(lambda: connected(cluster)) for _ in range(REPEATS))
        effect = effect_ms(cluster)
    memory, together = memory_mib()
    probes = len(PROBES)
    return [
        Row("13 guarded pods, cold", f"{cold:.3f} s", "prepared", f"{prepared:.3f} s", cold / prepared, "2 s, 0.2 s"),
        row(f"matrix of {probes} probes", permitted, "kubectl exec each, at once", processes),
        row(f"matrix of {probes} probes, all blocked", blocked, "kubectl exec each, at once", processes),
        Row("a policy's effect", f"{effect:.1f} ms", "target", "50 ms", effect / 50, "< 1"),
        Row("8 clusters at once until guarded", f"{together:.2f} s", "one, cold", f"{cold:.2f} s", together / cold, ""),
        Row("memory of a cluster, of 8", f"{memory:.1f} MiB", "a GiB", "1024 MiB", memory / 1024, ""),
        Row("wrong matrices", str(wrong), "matrices", str(MATRICES), wrong / MATRICES, "0"),
    ]


def row(what: str, ours_s: float, alternative: str, theirs_s: float) -> Row:
    """A row of seconds, with the speedup as the ratio."""
    return Row(what, f"{ours_s:.3f} s", alternative, f"{theirs_s:.2f} s", theirs_s / ours_s, "< 0.3 s")


if __name__ == "__main__":
    print_table(main())
