"""The files in clusters/ work: the local one for real, the others as far as can be checked here."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from infraray.trajectories.reader import Run

ROOT = Path(__file__).parents[2]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def local_cluster():
    environment = {
        **os.environ,
        "RAY": str(Path(sys.executable).with_name("ray")),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "RAY_PORT": str(free_port()),
        "RAY_DASHBOARD_PORT": str(free_port()),
        "CPUS": "2",
    }
    environment.pop("RAY_ADDRESS", None)

    def script(*arguments: object) -> subprocess.CompletedProcess:
        command = ["bash", str(ROOT / "clusters" / "local.sh"), *map(str, arguments)]
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=200)

    started = script("start")
    assert started.returncode == 0, started.stderr
    yield script
    assert script("stop").returncode == 0


RUN = ("--scenario", "load_balance", "--agent", "scripted:*", "--seeds", "3")


def test_a_submitted_job_plays_a_run(local_cluster, tmp_path: Path) -> None:
    done = local_cluster("submit", *RUN, "--out", tmp_path / "run")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "24 episodes finished, 0 failed" in done.stdout
    assert Run(tmp_path / "run").episodes().num_rows == 24


def test_a_job_with_failed_episodes_has_failed(local_cluster, tmp_path: Path) -> None:
    done = local_cluster(
        *("submit", "--import", "tests/actors/troublesome.py", "--scenario", "coin"),
        *("--agent", "scripted:raises", "--seeds", 20, "--out", tmp_path / "run"),
    )
    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stdout


def test_the_starter_says_what_it_does(local_cluster) -> None:
    again = local_cluster("start")
    assert again.returncode == 1 and "runs already" in again.stderr
    usage = local_cluster()
    assert usage.returncode == 2 and "clusters/local.sh start" in usage.stdout


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
