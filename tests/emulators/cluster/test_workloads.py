"""Workloads are real: pods listen, services translate, controllers bring back what was lost."""

from collections.abc import Iterator

import pytest

from infraray.emulators.cluster.cluster import Cluster, Probe
from infraray.errors import InfrarayError, InvalidAction
from tests.emulators.cluster.live import deployment, needs_clusters, objects, pod, service

pytestmark = needs_clusters


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """A client and a server behind a service."""
    with Cluster(pods=4) as live:
        live.apply([deployment("client"), deployment("server", 8080), service("server", 80, 8080)])
        live.settle()
        yield live


def reason(cluster: Cluster, host: str = "server", port: int = 80, **options: str) -> str:
    (outcome,) = cluster.matrix([Probe("deployment/client", host, port, **options)])  # type: ignore[arg-type]
    return outcome.reason


def names(cluster: Cluster, app: str) -> list[str]:
    return [
        one["metadata"]["name"] for one in objects(cluster, "/api/v1/pods") if one["metadata"]["labels"]["app"] == app
    ]


def test_outcomes_say_who_answered_and_why_nobody_did(cluster: Cluster) -> None:
    (outcome,) = cluster.matrix([Probe("deployment/client", "server.default.svc.cluster.local", 80)])
    assert outcome.connected and outcome.answered == f"default/{names(cluster, 'server')[0]}"
    assert outcome.source == f"default/{names(cluster, 'client')[0]}"
    assert reason(cluster, port=81) == "unreachable"
    assert reason(cluster, host="elsewhere") == "unknown host"
    assert reason(cluster, host=objects(cluster, "/api/v1/pods")[0]["status"]["podIP"], port=9) == "refused"
    assert cluster.matrix([Probe("pod/nobody", "server", 80)])[0].reason == "no source"
    with pytest.raises(InvalidAction, match=r"source='client': give pod/NAME or deployment/NAME"):
        cluster.matrix([Probe("client", "server", 80)])


def test_a_deleted_pod_is_replaced_and_has_another_address(cluster: Cluster) -> None:
    before = cluster.matrix([Probe("deployment/client", "server", 80)])[0].answered
    assert "deleted" in cluster.run("kubectl delete pod -l app=server").output
    cluster.settle()
    after = cluster.matrix([Probe("deployment/client", "server", 80)])[0]
    assert after.connected and after.answered != before


def test_what_an_agent_breaks_is_broken(cluster: Cluster) -> None:
    for command, expected in (
        ("kubectl scale deployment server --replicas=0", "unreachable"),
        ("kubectl scale deployment server --replicas=2", "open"),
        ('kubectl patch service server -p \'{"spec": {"ports": [{"port": 80, "targetPort": 9}]}}\'', "refused"),
        ('kubectl patch service server -p \'{"spec": {"ports": [{"port": 80, "targetPort": 8080}]}}\'', "open"),
        ("kubectl label pod -l app=server app=other --overwrite", "open"),  # they are replaced
        ("kubectl delete service server", "unknown host"),
    ):
        finished = cluster.run(command)
        assert finished.exit_code == 0, finished.output
        cluster.settle()
        assert reason(cluster) == expected, command
    assert len(names(cluster, "other")) == 2 and len(names(cluster, "server")) == 2


def test_rollouts_replace_pods_and_can_be_undone(cluster: Cluster) -> None:
    changed = cluster.run(
        "kubectl set image deployment/server server=other && kubectl rollout status deployment/server --timeout=8s && "
        "kubectl rollout history deployment/server"
    )
    assert "successfully rolled out" in changed.output, changed.output
    first = names(cluster, "server")
    undone = cluster.run(
        "kubectl rollout undo deployment/server && kubectl rollout status deployment/server --timeout=8s"
    )
    assert "successfully rolled out" in undone.output, undone.output
    cluster.settle()
    assert names(cluster, "server") != first
    assert reason(cluster) == "open"


def test_a_service_spreads_connections_over_its_pods(cluster: Cluster) -> None:
    cluster.run("kubectl scale deployment server --replicas=3")
    cluster.settle()
    outcomes = cluster.matrix([Probe("deployment/client", "server", 80)] * 60)
    assert {outcome.answered for outcome in outcomes} == {f"default/{name}" for name in names(cluster, "server")}


def test_named_ports_and_datagrams(cluster: Cluster) -> None:
    made = pod("resolver", ("UDP", 5353), app="resolver")
    made["spec"]["containers"][0]["ports"][0]["name"] = "dns"
    front = service("resolver", 53, "dns")
    front["spec"]["ports"][0]["protocol"] = "UDP"
    cluster.apply([made, front])
    cluster.settle()
    assert reason(cluster, "resolver", 53, protocol="UDP") == "open"
    assert reason(cluster, "resolver", 53) == "unreachable"


def test_pods_that_are_not_ready_get_no_connections(cluster: Cluster) -> None:
    unready = deployment("server", 8080)
    unready["spec"]["template"]["spec"]["containers"][0]["readinessProbe"] = {"tcpSocket": {"port": 9}}
    cluster.delete([unready])
    cluster.settle()
    cluster.apply([unready])
    cluster.settle()
    assert reason(cluster) == "unreachable"
    assert "0/1" in cluster.run("kubectl get deployment server").output


def test_a_port_that_is_taken_keeps_the_container_from_running(cluster: Cluster) -> None:
    twice = pod("twice", ("TCP", 80), app="twice")
    twice["spec"]["containers"].append({**twice["spec"]["containers"][0], "name": "second"})
    cluster.apply([twice])
    cluster.settle()
    assert "CrashLoopBackOff" in cluster.run("kubectl get pod twice").output


def test_commands_run_inside_pods(cluster: Cluster) -> None:
    program = 'import socket; print(socket.create_connection(("server", 80), 3).getpeername())'
    finished = cluster.run(f"kubectl exec deploy/client -- python3 -c '{program}'")
    assert "10.96." in finished.output, finished.output
    failed = cluster.run("kubectl exec deploy/client -- sh -c 'echo out; exit 3'")
    assert failed.exit_code == 3 and "out" in failed.output
    assert "listening on TCP port 8080" in cluster.run("kubectl logs deploy/server").output


def test_a_pod_forwards_nothing_and_speaks_ipv4_alone(cluster: Cluster) -> None:
    """Whatever the host's own settings are, which a network inherits."""
    script = "cat /proc/sys/net/ipv4/conf/eth0/forwarding; cat /proc/net/if_inet6 2>/dev/null | grep -c eth0"
    assert cluster.run(f"kubectl exec deploy/client -- sh -c '{script}'").output.split()[:2] == ["0", "0"]


def test_an_agent_reaches_the_api_server_and_nothing_else(cluster: Cluster) -> None:
    address = next(
        one["status"]["podIP"]
        for one in objects(cluster, "/api/v1/pods")
        if one["metadata"]["labels"]["app"] == "server"
    )
    program = """
import socket
for host, port in (("10.200.0.1", 6443), ("10.200.0.1", 10250), ("%s", 8080)):
    try:
        socket.create_connection((host, port), 0.5)
        print(host, port, "reached")
    except OSError as error:
        print(host, port, "not")
"""
    finished = cluster.run(
        f"cat > /tmp/p.py <<'END'\n{program % address}\nEND\npython3 /tmp/p.py; ip addr add 10.9.9.9/8 dev eth0"
    )
    assert finished.output.splitlines()[:3] == [
        "10.200.0.1 6443 reached",
        "10.200.0.1 10250 not",
        f"{address} 8080 not",
    ]
    assert "10.9.9.9" not in cluster.run("ip addr").output


def test_a_wrong_manifest_is_refused_with_the_servers_reason(cluster: Cluster) -> None:
    with pytest.raises(InfrarayError, match=r"Deployment default/x: .*selector"):
        cluster.apply([{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "x"}, "spec": {}}])
    with pytest.raises(InfrarayError, match=r"kind='Nothing': give a manifest with a name, of Namespace, "):
        cluster.apply([{"kind": "Nothing", "metadata": {"name": "x"}}])
    cluster.settle()


def test_another_program_in_a_containers_place_is_not_taken_for_it(cluster: Cluster) -> None:
    cluster.run('kubectl patch service server -p \'{"spec": {"ports": [{"port": 80, "targetPort": 9000}]}}\'')
    (name,) = names(cluster, "server")
    program = f"""
import socket
listener = socket.create_server(("", 9000))
while True:
    client, _ = listener.accept()
    client.sendall(b"default/{name} server:9000\\n" + client.recv(99))
"""
    cluster.run(f"(setsid kubectl exec deploy/server -- python3 -c '{program}' &); sleep 1")
    cluster.settle()
    assert reason(cluster) == "refused"  # it has ended with the command that began it


def test_a_forged_status_does_not_stay(cluster: Cluster) -> None:
    (name,) = names(cluster, "server")
    forged = '{"status": {"podIP": "10.244.9.9", "podIPs": [{"ip": "10.244.9.9"}]}}'
    assert cluster.run(f"kubectl patch pod {name} --subresource=status --type=merge -p '{forged}'").exit_code == 0
    cluster.settle()
    assert "10.244.9.9" not in cluster.run("kubectl get pods -o yaml; kubectl get endpointslices -o yaml").output
    assert reason(cluster) == "open"
