"""The command line as a stranger meets it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def infraray(*arguments: object, **options) -> subprocess.CompletedProcess:
    environment = {name: value for name, value in os.environ.items() if name not in ("RAY_ADDRESS", "COLUMNS")}
    environment |= {"COLUMNS": "140"} | options.pop("env", {})
    return subprocess.run(
        [*options.pop("prefix", ()), sys.executable, "-m", "infraray", *map(str, arguments)],
        **{"cwd": ROOT, "capture_output": True, "text": True, "timeout": 200, "env": environment, **options},
    )


SMALL = ("run", "--scenario", "load_balance", "--agent", "scripted:*", "--seeds", "2", "--workers", "1")


def test_a_run_ends_in_a_leaderboard_and_its_files(tmp_path: Path) -> None:
    done = infraray(*SMALL, "--out", tmp_path / "run", "--export", "sft")
    assert done.returncode == 0, done.stderr
    assert "earliest_completion" in done.stdout
    assert "18 episodes finished, 0 failed, 0 found from before" in done.stdout
    assert "18 of 18 episodes" in done.stderr
    assert "\x1b[" not in done.stdout + done.stderr
    assert (tmp_path / "run" / "report" / "index.html").is_file()
    assert (tmp_path / "run" / "exports" / "sft.parquet").is_file()
    reported = infraray("report", tmp_path / "run")
    assert reported.returncode == 0
    assert "earliest_completion" in reported.stdout


def test_failed_episodes_are_told_and_set_the_exit_status(tmp_path: Path) -> None:
    done = infraray(
        *("run", "--import", "tests/actors/troublesome.py", "--scenario", "coin", "--seeds", 80),
        *("--agent", "scripted:raises", "--out", tmp_path / "run", "--quiet"),
    )
    assert done.returncode == 1
    assert "failed: coin, scripted:raises, seed" in done.stdout
    assert done.stderr == ""
    again = infraray(*done.args[3:])
    assert "0 episodes finished, 0 failed, 80 found from before" in again.stdout
    assert again.returncode == 1


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("run",), "error: nothing to run; give a YAML file, or --scenario and --agent"),
        (("run", "nowhere.yaml"), "error: nowhere.yaml: cannot be read"),
        (("run", "--scenario", "cachin", "--agent", "scripted:random"), "unknown scenario 'cachin'"),
        (("run", "--scenario", "load_balance"), "no agents"),
        ((*SMALL, "--export", "sftt"), "--to 'sftt': did you mean sft"),
        ((*SMALL, "--seeds", "x"), "command line: seeds='x'"),
        ((*SMALL, "--out", "/proc/nowhere"), "error: /proc/nowhere: cannot be written"),
        ((*SMALL, "--out", "README.md/run"), "error: --out='README.md/run': cannot be reached (Not a directory)"),
        ((*SMALL, "--out", "x" * 300), "cannot be reached (File name too long); give another path"),
        (("report", "nowhere"), "error: nowhere: holds no run"),
        (("list", "rooting"), "error: unknown scenario 'rooting'"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_on_standard_error(arguments: tuple[str, ...], expected: str) -> None:
    done = infraray(*arguments)
    assert done.returncode == 2
    assert expected in done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("127.0.0.1:1", "no Ray cluster answers ([Errno 111] Connection refused)"),
        ("auto", "no Ray cluster answers"),
        ("ray://127.0.0.1:1", "must be host:port, 'auto' or 'local'"),
        ("nonsense", "must be host:port, 'auto' or 'local'"),
    ],
)
def test_a_cluster_that_does_not_answer_is_one_line(tmp_path: Path, address: str, expected: str) -> None:
    done = infraray(*SMALL, "--out", tmp_path / "run", env={"RAY_ADDRESS": address})
    assert done.returncode == 2
    assert f"error: RAY_ADDRESS={address!r}: {expected}" in done.stderr
    assert done.stderr.count("\n") == 1, done.stderr


def test_a_folder_of_another_run_is_refused(tmp_path: Path) -> None:
    assert infraray(*SMALL, "--out", tmp_path / "run").returncode == 0
    done = infraray(*SMALL, "--name", "other", "--out", tmp_path / "run")
    assert done.returncode == 2
    assert "holds the run 'load_balance'; choose another --out for 'other'" in done.stderr


needs_namespaces = pytest.mark.skipif(
    shutil.which("unshare") is None
    or subprocess.run(["unshare", "-Urm", "true"], capture_output=True, check=False).returncode != 0,
    reason="no user namespaces here, so no file system of our own to fill",
)


@needs_namespaces
def test_a_full_disk_stops_the_run_and_keeps_what_was_written(tmp_path: Path) -> None:
    """On a file system of 1 MiB that only this process sees; then with more room, the run goes on."""
    script = f"""
set -e
mount -t tmpfs -o size=1m none {tmp_path}
run() {{ {sys.executable} -m infraray run --scenario load_balance --agent scripted:random --seeds 200 --quiet \
    --workers 1 --out {tmp_path}/run; }}
set +e
run
echo "status $?"
mount -o remount,size=64m {tmp_path}
run
echo "status $?"
"""
    environment = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
    done = subprocess.run(
        ["unshare", "-Urm", "bash", "-c", script],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=200,
    )  # fmt: skip
    assert "No space left on device; what was written is safe; free space and run the same command again" in done.stderr
    assert "Traceback" not in done.stderr
    assert "status 2" in done.stdout and done.stdout.endswith("status 0\n")
    found = int(done.stdout.partition(" found from before")[0].rpartition(" ")[2])
    assert 0 < found < 200


@needs_namespaces
def test_a_read_only_folder_is_one_line(tmp_path: Path) -> None:
    command = f"{sys.executable} -m infraray {' '.join(SMALL)} --out {tmp_path}/run"
    script = f"mount -t tmpfs -o ro none {tmp_path} && exec {command}"
    done = subprocess.run(
        ["unshare", "-Urm", "bash", "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 2
    assert "Read-only file system" in done.stderr and done.stderr.count("\n") == 1


def test_help_tells_what_each_command_does() -> None:
    shown = infraray("--help").stdout
    for command in ("list", "run", "report", "doctor"):
        assert command in shown
        assert "Usage" in infraray(command, "--help").stdout
    assert "Exit status" in infraray("run", "--help").stdout


def test_list_shows_scenarios_and_a_manual() -> None:
    assert "join_shortest_queue" in infraray("list").stdout
    manual = infraray("list", "load_balance").stdout
    assert "num_servers" in manual and "Description" in manual


def test_doctor_says_what_this_machine_can_run() -> None:
    shown = infraray("doctor")
    assert shown.returncode == 0
    assert "Ray" in shown.stdout and "load_balance" in shown.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_shell_can_complete(shell: str) -> None:
    shown = infraray("--show-completion", shell)
    assert shown.returncode == 0
    assert f"_INFRARAY_COMPLETE=complete_{shell}" in shown.stdout


def test_completion_is_for_the_shell_that_is_named_wherever_it_is_asked_for() -> None:
    asked = f"{sys.executable} -m infraray --show-completion zsh; true"  # so that sh stays, as below make
    shown = subprocess.run(["sh", "-c", asked], cwd=ROOT, capture_output=True, text=True)
    assert "_INFRARAY_COMPLETE=complete_zsh" in shown.stdout


def test_completion_of_an_unknown_shell_is_one_line() -> None:
    shown = infraray("--show-completion", "tcsh")
    assert shown.returncode == 2
    assert "bash" in shown.stderr and "Traceback" not in shown.stderr


def test_a_pipe_that_closes_early_is_no_error() -> None:
    done = subprocess.run(
        f"{sys.executable} -m infraray list | head -n 1", shell=True, cwd=ROOT, capture_output=True, text=True
    )
    assert done.stderr == ""
