"""Applications in a cluster that is reached over the network alone: kept apart, probed, restored and removed."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infraray.emulators.cluster.cluster import Cluster, Outcome, Probe
from infraray.emulators.cluster.inside import nftables
from infraray.emulators.remote_cluster import cluster as remote_cluster
from infraray.emulators.remote_cluster import holding
from infraray.emulators.remote_cluster.cluster import RemoteCluster
from infraray.emulators.remote_cluster.look import Look
from infraray.emulators.remote_cluster.supply import RemoteSupply
from infraray.emulators.remote_cluster.view import View
from infraray.errors import InfrarayError, Unavailable
from tests.emulators.cluster.live import needs_clusters, policy
from tests.emulators.live import kill, wait_until
from tests.emulators.remote_cluster.remote import TOKEN, needs_python
from tests.emulators.remote_cluster.user import IMAGE, manifests, take

pytestmark = [needs_clusters, needs_python]

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def supply(there: Cluster) -> Iterator[RemoteSupply]:
    made = RemoteSupply("", IMAGE)
    yield made
    made.close()


@pytest.fixture
def application(supply: RemoteSupply) -> RemoteCluster:
    """The application as a test finds it: whatever the one before has left is undone."""
    return take(supply)


def probes(application: RemoteCluster) -> list[Probe]:
    shop, outside = application.namespaces
    return [
        Probe("deployment/client", f"shop.{shop}", 80, "TCP", shop),
        Probe("deployment/visitor", f"shop.{shop}", 80, "TCP", outside),
        Probe("deployment/visitor", f"shop.{shop}", 81, "TCP", outside),
        Probe("deployment/visitor", "none", 80, "TCP", outside),
        Probe("pod/none", f"shop.{shop}", 80, "TCP", outside),
    ]


def reasons(outcomes: list[Outcome]) -> list[str]:
    return [outcome.reason for outcome in outcomes]


def all_namespaces(there: Cluster) -> set[str]:
    return {one["metadata"]["name"] for one in there.request("GET", "/api/v1/namespaces")["items"]}


def namespaces(there: Cluster) -> set[str]:
    found = there.request("GET", "/api/v1/namespaces")["items"]
    return {one["metadata"]["name"] for one in found if holding.OWNER in one["metadata"].get("labels", {})}


def let_everything_through(there: Cluster) -> None:
    """Takes the enforcement out of a cluster's kernel, in a process that goes where the cluster is."""
    subprocess.run([sys.executable, "-c", UNGUARD, str(there.pid), nftables.__file__], check=True)


UNGUARD = """
import ctypes, importlib.util, os, sys

spec = importlib.util.spec_from_file_location("nftables", sys.argv[2])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
libc = ctypes.CDLL(None, use_errno=True)
for kind in ("user", "net"):
    if libc.setns(os.open(f"/proc/{sys.argv[1]}/ns/{kind}", os.O_RDONLY), 0):
        raise OSError(ctypes.get_errno(), f"setns {kind}")
module.Nftables().commit("delete table ip policies")
"""


def test_attempts_end_as_the_policies_say_and_are_told_by_their_reason(application: RemoteCluster) -> None:
    asked = probes(application)
    outcomes = application.matrix(asked)
    assert reasons(outcomes)[:2] == ["open", "open"] and reasons(outcomes)[3:] == ["unknown host", "no source"]
    assert not outcomes[2].connected
    assert outcomes[0].answered.startswith(f"{application.namespaces[0]}/shop-")
    peers = [{"from": [{"podSelector": {}}]}]
    application.apply([policy("own", application.namespaces[0], ingress=peers)])
    assert reasons(application.matrix(asked[:2])) == ["open", "blocked"]


def test_what_an_agent_breaks_is_restored_as_it_was(application: RemoteCluster) -> None:
    shop, _ = application.namespaces
    before = application.request("GET", "/api/v1/services")["items"]
    application.apply([policy("nobody", shop)])
    done = application.run(
        "kubectl delete deployment,service shop; kubectl scale deployment client --replicas=0;"
        "kubectl delete pods --all -A; kubectl get networkpolicies -A -o name"
    )
    assert done.output.endswith("networkpolicy.networking.k8s.io/nobody\n"), done.output
    assert application.run("kubectl get deployments -o name").output == "deployment.apps/client\n"
    application.restore()
    assert application.request("GET", "/apis/networking.k8s.io/v1/networkpolicies")["items"] == []
    after = application.request("GET", "/api/v1/services")["items"]
    assert [one["spec"] for one in after] == [one["spec"] for one in before]
    assert reasons(application.matrix(probes(application)[:2])) == ["open", "open"]


def test_what_a_command_does_and_undoes_is_told(application: RemoteCluster) -> None:
    shop, _ = application.namespaces
    made = json.dumps(policy("brief", shop))
    application.run(f"echo '{made}' | kubectl create -f -; kubectl delete networkpolicy brief")
    application.settle()
    changes = application.changes()
    states = [change.manifest for change in changes if change.kind == "NetworkPolicy"]
    assert [state and state["metadata"]["name"] for state in states] == ["brief", None]
    assert application.changes() == []


def test_an_agent_sees_its_own_namespaces_alone_and_no_credentials(application: RemoteCluster) -> None:
    done = application.run("kubectl get namespaces -o name; kubectl get pods -A --no-headers | cut -d' ' -f1 | sort -u")
    own = sorted(application.namespaces)
    assert done.output.split() == [*(f"namespace/{name}" for name in own), *own]
    done = application.run("kubectl config view --raw; env; kubectl get pods -w --request-timeout=1s")
    assert TOKEN not in done.output
    assert "shop-" in done.output  # a watch of one's own namespace tells what is there
    done = application.run("kubectl exec deploy/client -- id; kubectl run mine --image=mine")
    assert done.output.count("not permitted here") == 2, done.output


def test_applications_stand_side_by_side(application: RemoteCluster, there: Cluster) -> None:
    other = RemoteSupply("", IMAGE)
    twin = take(other)
    assert not {*twin.namespaces} & {*application.namespaces}
    twin.apply([policy("nobody", twin.namespaces[0])])
    assert reasons(twin.matrix(probes(twin)[:1])) == ["blocked"]
    assert reasons(application.matrix(probes(application)[:1])) == ["open"]
    done = application.run(f"kubectl get networkpolicies -n {twin.namespaces[0]}")
    assert done.exit_code != 0 and "is not the application's" in done.output
    other.close()
    assert wait_until(lambda: not {*twin.namespaces} & namespaces(there))
    assert {*application.namespaces} <= namespaces(there)


def test_what_a_killed_process_left_is_removed_at_the_next_start(there: Cluster, application: RemoteCluster) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.emulators.remote_cluster.user"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        kill(process.pid)
    left = namespaces(there) - {*application.namespaces}
    assert len(left) == 2
    RemoteSupply("", IMAGE).close()
    assert wait_until(lambda: namespaces(there) == {*application.namespaces})


def test_what_another_machine_holds_stays_until_its_time_is_over(there: Cluster, application: RemoteCluster) -> None:
    """Its processes cannot be seen from here."""
    of_others = {holding.OWNER: "infraray-1-1-none", holding.APPLICATION: "none"}
    for name, held in (("live", holding.hold()), ("over", {holding.HELD_UNTIL: "1"}), ("odd", {})):
        metadata = {"name": name, "labels": of_others, "annotations": held}
        there.apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}])
    RemoteSupply("", IMAGE).close()
    assert wait_until(lambda: namespaces(there) == {"live", *application.namespaces})


def clashing() -> list[dict[str, Any]]:
    """An application with a pod of which two containers want the same port."""
    made = manifests("clash", "clash-outside")
    pod = made[2]["spec"]["template"]["spec"]
    pod["containers"].append({**pod["containers"][0], "name": "twin"})
    return made


def test_what_keeps_an_application_from_coming_up_is_told(there: Cluster, supply: RemoteSupply) -> None:
    made = clashing()
    there.apply(made)
    there.settle()
    view = View(supply._held.api, ("clash", "clash-outside"), "none")
    assert re.match(r"deployment clash/shop has 0 of 1 pods ready \(pod .*CrashLoopBackOff: ", Look.at(view).unrest())
    there.delete(made[:2])


def test_an_application_that_does_not_come_up_leaves_nothing(
    there: Cluster, supply: RemoteSupply, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait = RemoteCluster._wait
    monkeypatch.setattr(RemoteCluster, "_wait", lambda self, lacking, _: wait(self, lacking, 0.5))
    assert wait_until(lambda: not {"clash", "clash-outside"} & all_namespaces(there))
    with pytest.raises(InfrarayError, match=r"^the application does not come to rest in 0\.5 s: .*clash/"):
        RemoteCluster(supply._held.api, "none", clashing(), IMAGE)
    assert wait_until(lambda: not {"clash", "clash-outside"} & all_namespaces(there))


def test_a_network_that_enforces_policies_is_told_from_one_that_does_not(
    there: Cluster, supply: RemoteSupply, monkeypatch: pytest.MonkeyPatch
) -> None:
    RemoteCluster(supply._held.api, "none", manifests("real", "real-outside"), IMAGE).close()
    let_everything_through(there)  # so this is the last test
    monkeypatch.setattr(remote_cluster, "ENFORCED_S", 0.1)
    monkeypatch.setattr(remote_cluster, "IN_FORCE_S", 3.0)
    with pytest.raises(Unavailable, match=r"^context='remote': its cluster does not enforce NetworkPolicies"):
        RemoteCluster(supply._held.api, "none", manifests("open", "open-outside"), IMAGE)
    assert wait_until(lambda: not {"open", "open-outside"} & namespaces(there))
