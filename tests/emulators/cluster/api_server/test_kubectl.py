"""Real kubectl, in every version that this machine has, works unchanged."""

import json
import re
import subprocess
import threading
import time
from pathlib import Path

import pytest
import yaml

from tests.emulators.cluster.api_server.objects import config_map, deployment, pod, policy
from tests.emulators.cluster.api_server.server import NEWEST, Server, kubectls


def manifest(folder: Path, *objects: object) -> str:
    path = folder / f"objects{time.monotonic_ns()}.yaml"
    path.write_text(yaml.safe_dump_all(objects))
    return str(path)


def finish(server: Server, namespace: str, name: str) -> None:
    """Does what controllers would: says that a deployment's pods run."""
    place = f"/apis/apps/v1/namespaces/{namespace}/deployments/{name}"
    found = server.ask("GET", place).json
    count = found["spec"]["replicas"]
    counts = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
    conditions = [{"type": "Available", "status": "True", "reason": "MinimumReplicasAvailable"}]
    status = dict.fromkeys(counts, count) | {"observedGeneration": found["metadata"]["generation"]}
    patch = {"status": status | {"conditions": conditions}}
    assert server.ask("PATCH", f"{place}/status", patch, "application/merge-patch+json").code == 200


@pytest.mark.parametrize("program", kubectls(), ids=lambda path: path.name)
def test_the_commands_of_a_repair(server: Server, namespace: str, tmp_path: Path, program: Path) -> None:
    """What an agent does in a task, with old versions too."""

    def kubectl(*arguments: str, ok: bool = True, **environment: str) -> str:
        return server.kubectl("-n", namespace, *arguments, ok=ok, program=program, **environment)

    rule = {"from": [{"podSelector": {"matchLabels": {"app": "a"}}}], "ports": [{"port": 80}]}
    first = manifest(tmp_path, policy("web", ingress=[rule]), deployment("web"))
    assert kubectl("apply", "-f", first).count("created") == 2
    assert re.search(r"web\s+<none>\s+\S+s", kubectl("get", "netpol"))
    assert re.search(r"deployment.apps/web\s+0/1", kubectl("get", "all"))
    assert "app=a" in kubectl("describe", "netpol", "web").replace(": ", "=")
    assert yaml.safe_load(kubectl("get", "netpol", "web", "-o", "yaml"))["spec"]["ingress"][0]["ports"] == [
        {"port": 80, "protocol": "TCP"}
    ]
    assert "ingress" in kubectl("explain", "networkpolicy.spec").lower()
    changed = manifest(tmp_path, policy("web", ingress=[rule | {"ports": [{"port": 81}]}]))
    assert "+    - port: 81" in kubectl("diff", "-f", changed, ok=False)
    assert "configured" in kubectl("apply", "-f", changed)
    wrong = policy("web", ingress=[rule])
    wrong["spec"]["podSelektor"] = {}
    assert "podSelektor" in kubectl("apply", "-f", manifest(tmp_path, wrong), ok=False)
    patch = '[{"op":"replace","path":"/spec/ingress/0/ports/0/port","value":48082}]'
    kubectl("patch", "netpol", "web", "--type=json", "-p", patch)
    kubectl("patch", "netpol", "web", "--type=merge", "-p", '{"spec":{"policyTypes":["Ingress","Egress"]}}')
    kubectl("edit", "netpol", "web", KUBE_EDITOR="sed -i s/48082/48083/")
    spec = json.loads(kubectl("get", "netpol", "web", "-o", "json"))["spec"]
    assert (spec["ingress"][0]["ports"][0]["port"], spec["policyTypes"]) == (48083, ["Ingress", "Egress"])
    kubectl("label", "netpol", "web", "level=1")
    kubectl("annotate", "netpol", "web", "note=x")
    assert "web" in kubectl("get", "netpol", "-l", "level=1", "--show-labels")
    kubectl("replace", "-f", first)
    kubectl("set", "image", "deployment/web", "web=web:2")
    kubectl("scale", "deployment/web", "--replicas=2")
    finish(server, namespace, "web")
    assert "successfully rolled out" in kubectl("rollout", "status", "deployment/web", "--timeout=20s")
    assert "condition met" in kubectl("wait", "--for=condition=Available", "deployment/web", "--timeout=20s")
    assert kubectl("auth", "can-i", "delete", "pods").strip() == "yes"
    assert "netpol" in kubectl("api-resources")
    applied = manifest(tmp_path, policy("applied"))
    assert "serverside-applied" in kubectl("apply", "--server-side", "-f", applied)
    assert "created (server dry run)" in kubectl("create", "-f", manifest(tmp_path, pod("dry")), "--dry-run=server")
    assert "deleted" in kubectl("delete", "netpol", "--all")
    assert "deleted" in kubectl("delete", "deployment", "web")


def test_objects_made_by_create_are_read_from_protobuf(server: Server, namespace: str) -> None:
    def create(*arguments: str) -> str:
        return server.kubectl("-n", namespace, "create", *arguments)

    create("deployment", "web", "--image=web:1", "--replicas=0", "--port=80")
    create("configmap", "settings", "--from-literal=a=b")
    create("secret", "generic", "key", "--from-literal=a=b")
    create("serviceaccount", "robot")
    create("service", "nodeport", "web", "--tcp=80:8080")
    create("namespace", f"{namespace}-too"[:63])
    made = server.get("-n", namespace, "deployment,configmap,secret,service", "-o", "json")["items"]
    found = {item["kind"]: item for item in made if item["metadata"]["name"] != "kube-root-ca.crt"}
    spec = found["Deployment"]["spec"]
    assert (spec["replicas"], spec["selector"], spec["template"]["metadata"]["labels"]) == (
        0,
        {"matchLabels": {"app": "web"}},
        {"app": "web"},
    )
    assert spec["template"]["spec"]["containers"][0]["ports"] == [{"containerPort": 80, "protocol": "TCP"}]
    assert "nodeName" not in spec["template"]["spec"]
    assert found["ConfigMap"]["data"] == {"a": "b"} and found["Secret"]["data"] == {"a": "Yg=="}
    assert found["Service"]["spec"]["ports"][0]["targetPort"] == 8080


def test_a_rollout_is_awaited(server: Server, namespace: str) -> None:
    server.ask("POST", f"/apis/apps/v1/namespaces/{namespace}/deployments", deployment("web"))
    waiting = subprocess.Popen(
        [NEWEST, "-n", namespace, "rollout", "status", "deployment/web", "--timeout=30s"],
        stdout=subprocess.PIPE,
        text=True,
        env={"KUBECONFIG": str(server.kubeconfig), "HOME": str(server.home / "waiting")},
    )
    assert waiting.stdout is not None and "Waiting" in waiting.stdout.readline()
    finish(server, namespace, "web")
    assert "successfully rolled out" in waiting.stdout.read()
    assert waiting.wait(10) == 0
    waiting.stdout.close()
    server.kubectl("-n", namespace, "rollout", "restart", "deployment/web")
    server.kubectl("-n", namespace, "rollout", "pause", "deployment/web")
    assert server.get("-n", namespace, "deployment", "web")["spec"]["paused"] is True


def test_a_deletion_waits_for_the_finalizer(server: Server, namespace: str) -> None:
    place = f"/api/v1/namespaces/{namespace}/configmaps"
    held = config_map("held")
    held["metadata"]["finalizers"] = ["example.com/hold"]
    server.ask("POST", place, held)
    release = {"metadata": {"finalizers": None}}
    timer = threading.Timer(0.5, server.ask, ("PATCH", f"{place}/held", release, "application/merge-patch+json"))
    timer.start()
    assert "deleted" in server.kubectl("-n", namespace, "delete", "configmap", "held", "--timeout=20s")
    timer.join()


def test_a_watch_is_printed_as_a_table(server: Server, namespace: str) -> None:
    watching = subprocess.Popen(
        [NEWEST, "-n", namespace, "get", "pods", "--watch"],
        stdout=subprocess.PIPE,
        text=True,
        env={"KUBECONFIG": str(server.kubeconfig), "HOME": str(server.home / "watching")},
    )
    assert watching.stdout is not None
    timer = threading.Timer(0.5, server.ask, ("POST", f"/api/v1/namespaces/{namespace}/pods", pod("new")))
    timer.start()
    assert watching.stdout.readline().split()[:3] == ["NAME", "READY", "STATUS"]
    assert watching.stdout.readline().split()[:3] == ["new", "0/1", "Pending"]
    timer.join()
    watching.kill()
    watching.wait()
    watching.stdout.close()


def test_commands_that_ask_for_more_than_one_thing(server: Server, namespace: str) -> None:
    server.kubectl("-n", namespace, "run", "web", "--image=web:1", "--port=80", "--expose")
    assert "Service Account:  default" in server.kubectl("-n", namespace, "describe", "pod", "web")
    assert "Selector:" in server.kubectl("-n", namespace, "describe", "service", "web")
    assert "Status:       Active" in server.kubectl("describe", "namespace", namespace)
    uid = server.get("-n", namespace, "pod", "web")["metadata"]["uid"]
    event = {
        "metadata": {"name": "e"},
        "involvedObject": {"kind": "Pod", "name": "web", "namespace": namespace, "uid": uid},
        "reason": "Pulled",
        "message": "it is there",
        "type": "Normal",
        "lastTimestamp": "2026-01-01T00:00:00Z",
    }
    server.ask("POST", f"/api/v1/namespaces/{namespace}/events", event)
    assert "it is there" in server.kubectl("-n", namespace, "events")
    assert "it is there" in server.kubectl("-n", namespace, "get", "events")
    assert "Pulled" in server.kubectl("-n", namespace, "describe", "pod", "web")
    assert "kubernetes-admin" in server.kubectl("auth", "whoami")
    assert "*.*" in server.kubectl("auth", "can-i", "--list")
    assert "v1.37" in server.kubectl("version")
    assert "rollingUpdate" in server.kubectl("explain", "deployment", "--recursive")
    server.kubectl("-n", namespace, "debug", "web", "--image=busybox", "--attach=false", "--target=web")
    debugged = server.get("-n", namespace, "pod", "web")["spec"]["ephemeralContainers"]
    assert [container["image"] for container in debugged] == ["busybox"]
    server.kubectl("-n", namespace, "delete", "pods,services", "--all")


def test_appliers_do_not_overrule_each_other(server: Server, namespace: str, tmp_path: Path) -> None:
    def apply(given: object, *options: str, ok: bool = True) -> str:
        path = manifest(tmp_path, given)
        return server.kubectl("-n", namespace, "apply", "--server-side", "-f", path, *options, ok=ok)

    apply(config_map("shared", a="1", b="2"), "--field-manager=one")
    apply(config_map("shared", c="3"), "--field-manager=two")
    refused = apply(config_map("shared", a="9"), "--field-manager=two", ok=False)
    assert 'conflict with "one"' in refused and ".data.a" in refused
    apply(config_map("shared", a="9"), "--field-manager=two", "--force-conflicts")
    assert server.get("-n", namespace, "configmap", "shared")["data"] == {"a": "9", "b": "2"}
    apply(config_map("shared", b="2"), "--field-manager=one")
    assert server.get("-n", namespace, "configmap", "shared")["data"] == {"a": "9", "b": "2"}
    apply(config_map("shared"), "--field-manager=two")
    assert server.get("-n", namespace, "configmap", "shared")["data"] == {"b": "2"}
