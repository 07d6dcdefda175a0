"""Kubernetes' own API server in the place of infraray's. No binary of it is here, so a stand-in takes its options.

What that cannot show is whether a kube-apiserver accepts all that controllers and agents write.
"""

import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

import infraray
from infraray.emulators.cluster import api_server
from infraray.emulators.cluster.cluster import Cluster, Probe
from infraray.emulators.cluster.requirements import api_server_problem
from infraray.errors import InfrarayError
from tests.emulators.cluster.live import deployment, needs_clusters, policy, service
from tests.emulators.live import Traces, kill, wait_until

HERE = Path(__file__).parent

pytestmark = [
    needs_clusters,
    pytest.mark.skipif(not Path("/usr/bin/python3").exists(), reason="the stand-in runs on the system's Python"),
    pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate"),
]


@pytest.fixture(scope="module")
def program() -> Iterator[Path]:
    """The stand-in's path, where every user finds it, with etcd's beside it."""
    with TemporaryDirectory() as name:  # not below pytest's folders, which are their user's alone
        folder = Path(name)
        shutil.copytree(Path(api_server.__file__).parent, folder / "api_server")
        for program, source in (("kube-apiserver", "kube_apiserver.py"), ("etcd", "etcd.py")):
            shutil.copy(HERE / source, folder / program)
        for path in (folder, *folder.rglob("*")):
            path.chmod(path.stat().st_mode | stat.S_IROTH | (stat.S_IXOTH if path.is_dir() or not path.suffix else 0))
        yield folder / "kube-apiserver"


@pytest.fixture(scope="module")
def cluster(program: Path) -> Iterator[Cluster]:
    with Cluster(pods=4, api_server=str(program)) as made:
        yield made


def names(cluster: Cluster, path: str) -> list[str]:
    return [one["metadata"]["name"] for one in cluster.request("GET", path)["items"]]


def test_controllers_agents_and_kubectl_work_in_front_of_it(cluster: Cluster) -> None:
    cluster.apply([deployment("a", 80), service("a", 80, 80), deployment("b")])
    cluster.settle()
    probe = Probe("deployment/b", "a", 80)
    assert cluster.matrix([probe])[0].reason == "open"
    cluster.apply([policy("nobody")])
    cluster.settle()
    assert cluster.matrix([probe])[0].reason == "blocked"
    done = cluster.run("kubectl config view | grep server; kubectl logs deploy/a; kubectl exec deploy/b -- echo inside")
    assert "https://" in done.output and "listening on TCP port 80" in done.output
    assert done.output.endswith("inside\n"), done.output


def test_what_has_no_owner_left_is_removed(cluster: Cluster) -> None:
    """As its owner's deletion asks: in the background, in the foreground, or not."""
    for way, left in (("background", 0), ("foreground", 0), ("orphan", 1)):
        cluster.apply([deployment(way)])
        cluster.settle()
        body = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": way.capitalize()}
        path = f"/apis/apps/v1/namespaces/default/deployments/{way}"
        cluster.request("DELETE", path, body)
        assert wait_until(lambda: way not in names(cluster, "/apis/apps/v1/deployments"))  # noqa: B023
        cluster.settle()
        pods = [name for name in names(cluster, "/api/v1/pods") if name.startswith(way)]
        assert len(pods) == left, way


def test_a_namespace_goes_with_all_that_is_in_it(cluster: Cluster) -> None:
    made = deployment("inside", 80)
    made["metadata"]["namespace"] = "brief"
    cluster.apply(
        [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "brief"}}, made, policy("x", "brief")]
    )
    cluster.settle()
    cluster.request("DELETE", "/api/v1/namespaces/brief")
    assert wait_until(lambda: "brief" not in names(cluster, "/api/v1/namespaces"))
    assert names(cluster, "/api/v1/namespaces/brief/pods") == []


def test_nothing_is_left_when_it_is_killed(program: Path) -> None:
    traces = Traces()
    with Cluster(api_server=str(program)) as cluster:
        traces.note(cluster.pid)
        kill(cluster.pid)
        with pytest.raises(InfrarayError, match="the cluster is lost"):
            cluster.settle()
    assert wait_until(lambda: not traces.left()), traces.left()


def test_a_server_that_ends_tells_its_last_words(program: Path, tmp_path: Path) -> None:
    folder = program.parent
    (folder / "broken").write_text("#!/bin/sh\necho starting\necho 'no such flag: --bind-address' >&2\nexit 2\n")
    (folder / "broken").chmod(0o755)
    with pytest.raises(InfrarayError, match=r"broken has ended \(status 2\): no such flag: --bind-address$"):
        Cluster(api_server=str(folder / "broken"))


def test_what_cannot_be_run_is_named(program: Path, tmp_path: Path) -> None:
    for path in ("/none", "kube-apiserver", str(tmp_path), str(program.parent / "api_server" / "api.py")):
        assert str(api_server_problem(path)).startswith(f"api_server={path!r}: no program that every user may run; ")
    assert api_server_problem(str(program)) is None
    made = infraray.make("kubernetes_policy", api_server="/none")
    assert str(made.missing_here()).startswith("api_server='/none': no program")
    with pytest.raises(InfrarayError, match=r"^api_server='/none': no program"):
        made.reset(seed=0)
    with pytest.raises(InfrarayError, match="api_server='/none': has no effect: backend is 'kubeconfig'"):
        infraray.make("kubernetes_policy", backend="kubeconfig", api_server="/none")


def test_a_task_is_played_in_front_of_it(program: Path) -> None:
    environment = infraray.make("kubernetes_policy", application="generated", num_services=4, api_server=str(program))
    environment.reset(seed=0)
    *_, info = environment.step('{"command": "kubectl get networkpolicies -A -o name"}')
    assert info["valid"] and info["extra"]["deed"] == "look"
    environment.close()
