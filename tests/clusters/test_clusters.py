"""The files in clusters/ work: the local one for real, the others as far as can be checked here."""

import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from infraray.agents import registered_agents
from infraray.registration import find
from infraray.trajectories.reader import Run

ROOT = Path(__file__).parents[2]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class LocalCluster:
    """``clusters/local.sh`` as a person calls it who has just opened a terminal: nothing of ours is on the PATH."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.port = free_port()
        self.environment = {
            "HOME": str(home),
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "RAY": str(Path(sys.executable).with_name("ray")),
            "RAY_PORT": str(self.port),
            "RAY_DASHBOARD_PORT": str(free_port()),
            "CPUS": "2",
        }

    def __call__(self, *arguments: object, **environment: str) -> subprocess.CompletedProcess:
        command = ["bash", str(ROOT / "clusters" / "local.sh"), *map(str, arguments)]
        return subprocess.run(
            command, cwd=ROOT, env={**self.environment, **environment}, capture_output=True, text=True, timeout=200
        )

    def join(self, *arguments: object, **environment: str) -> subprocess.CompletedProcess:
        """``infraray`` with the cluster's address."""
        return subprocess.run(
            [sys.executable, "-m", "infraray", *map(str, arguments)],
            cwd=ROOT,
            env={"HOME": str(self.home), "PATH": self.environment["PATH"], **environment},
            capture_output=True,
            text=True,
            timeout=100,
        )


@pytest.fixture(scope="module")
def local_cluster(tmp_path_factory):
    script = LocalCluster(tmp_path_factory.mktemp("home"))
    script.started = script("start")
    assert script.started.returncode == 0, script.started.stderr
    yield script
    assert script("stop").returncode == 0


RUN = ("--scenario", "load_balance", "--agent", "scripted:*", "--seeds", "3")


def test_a_submitted_job_plays_a_run(local_cluster, tmp_path: Path) -> None:
    done = local_cluster("submit", *RUN, "--out", tmp_path / "run")
    assert done.returncode == 0, done.stdout + done.stderr
    find("load_balance").import_baselines()
    total = 3 * len(registered_agents("load_balance"))
    assert f"{total} episodes finished, 0 failed" in done.stdout
    assert Run(tmp_path / "run").episodes().num_rows == total


def test_a_job_with_failed_episodes_has_failed(local_cluster, tmp_path: Path) -> None:
    done = local_cluster(
        *("submit", "--import", "tests/actors/troublesome.py", "--scenario", "coin"),
        *("--agent", "scripted:raises", "--seeds", 80, "--out", tmp_path / "run"),
    )
    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stdout


def test_the_starter_says_what_it_does(local_cluster) -> None:
    again = local_cluster("start")
    assert again.returncode == 1 and "runs already" in again.stderr
    usage = local_cluster()
    assert usage.returncode == 2 and "clusters/local.sh start" in usage.stdout


def test_the_ready_line_lets_another_shell_join(local_cluster, tmp_path: Path) -> None:
    settings = dict(word.split("=") for word in local_cluster.started.stdout.splitlines()[-1].split())
    assert settings == {"RAY_AUTH_MODE": "token", "RAY_ADDRESS": f"127.0.0.1:{local_cluster.port}"}
    done = local_cluster.join("run", *RUN, "--quiet", "--out", tmp_path / "run", **settings)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, "the cluster asks for a token; set RAY_AUTH_MODE=token, which takes the one of "),
        ({"RAY_AUTH_MODE": "disabled"}, "the cluster asks for a token; set RAY_AUTH_MODE=token"),
        ({"RAY_AUTH_TOKEN": "unused"}, "set RAY_AUTH_MODE=token, which takes the one of RAY_AUTH_TOKEN"),
        ({"RAY_AUTH_MODE": "token", "HOME": "/nonexistent"}, "there is no token in /nonexistent/.ray/auth_token"),
        ({"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": "/nowhere"}, "there is no token in /nowhere"),
        ({"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0" * 64}, "takes another token than that of RAY_AUTH_TOKEN"),
    ],
)
def test_a_missing_token_is_told_as_a_missing_token(local_cluster, tmp_path: Path, settings, expected: str) -> None:
    address = f"127.0.0.1:{local_cluster.port}"
    done = local_cluster.join("run", *RUN, "--check", "--out", tmp_path / "run", **{"RAY_ADDRESS": address, **settings})
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: RAY_ADDRESS={address!r}: ") and done.stderr.count("\n") == 1
    assert expected in done.stderr


def test_without_ray_the_starter_says_where_it_looked(local_cluster) -> None:
    for command in ("start", "submit"):
        done = local_cluster(command, *RUN, RAY="/nowhere/ray")
        assert done.returncode == 1 and "make quickstart first, or name it: RAY=..." in done.stderr


def test_the_launcher_file_is_valid() -> None:
    from ray.autoscaler._private.util import prepare_config, validate_config

    validate_config(prepare_config(yaml.safe_load((ROOT / "clusters" / "launcher-aws.yaml").read_text())))


def test_the_rayjob_plays_a_run_that_outlives_it() -> None:
    claim, job = yaml.safe_load_all((ROOT / "clusters" / "kuberay-rayjob.yaml").read_text())
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    head = job["spec"]["rayClusterSpec"]["headGroupSpec"]["template"]["spec"]
    mounted = {mount["name"]: mount["mountPath"] for mount in head["containers"][0]["volumeMounts"]}
    volumes = {volume["name"]: volume for volume in head["volumes"]}
    assert volumes["runs"]["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
    assert f"--out {mounted['runs']}/" in job["spec"]["entrypoint"]
    assert f" {mounted['config']}/" in job["spec"]["entrypoint"]


def test_a_training_has_a_node_with_a_gpu_and_others_for_its_environments() -> None:
    claim, job = yaml.safe_load_all((ROOT / "clusters" / "kuberay-training.yaml").read_text())
    cluster = job["spec"]["rayClusterSpec"]
    groups = {group["groupName"]: group for group in cluster["workerGroupSpecs"]}
    assert json.loads(json.loads(groups["emulators"]["rayStartParams"]["resources"])) == {"emulator": 64}
    specs = [cluster["headGroupSpec"], *groups.values()]
    for spec in (spec["template"]["spec"] for spec in specs):
        volumes = {volume["name"]: volume for volume in spec["volumes"]}
        assert volumes["runs"]["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
        assert {"name": "runs", "mountPath": "/runs"} in spec["containers"][0]["volumeMounts"]
    gpus = {name: _limits(group).get("nvidia.com/gpu") for name, group in groups.items()}
    assert gpus == {"trainer": "1", "emulators": None}
    assert job["spec"]["entrypoint"].startswith("infraray train grpo /config/") and "--out /runs/" in str(job)


def _limits(group: dict[str, Any]) -> dict[str, str]:
    limits: dict[str, str] = group["template"]["spec"]["containers"][0]["resources"]["limits"]
    return limits


def test_system_packages_are_only_named_where_they_cannot_be_installed_without_asking(tmp_path: Path) -> None:
    """An ordinary user without sudo, on a machine where one package is missing."""
    programs = {
        "id": "echo 1000",
        "sudo": "exit 1",
        "dpkg-query": 'case "$*" in *mininet*) exit 1;; *) echo "install ok installed";; esac',
        "apt-get": "exit 1",
    }
    for name, body in programs.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / name).chmod(0o755)
    script = ROOT / "clusters" / "system-packages.sh"
    done = subprocess.run(
        [script], env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, capture_output=True, text=True, check=True
    )
    expected = "note: for emulated networks run once: sudo apt-get install --no-install-recommends mininet\n"
    assert done.stdout == expected
