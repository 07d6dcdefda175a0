"""What a sandbox promises to those who use it."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from infraray.deadline import TimeLimit, time_limit
from infraray.errors import InfrarayError, InvalidAction
from infraray.isolation import Limits, Sandbox, problem, requirements
from tests.isolation.elsewhere import as_nobody, in_namespaces
from tests.isolation.host import children


@pytest.fixture
def nothing_known() -> Iterator[None]:
    """Forgets what was found out about bubblewrap, before and after."""
    requirements.bubblewrap_path.cache_clear()
    yield
    requirements.bubblewrap_path.cache_clear()


def test_exit_codes_are_a_shells() -> None:
    sandbox = Sandbox()
    for command, code in (("true", 0), ("exit 7", 7), ("nosuchcommand", 127), ("sh -c 'kill -9 $$'", 137)):
        assert sandbox.run(command).exit_code == code


@pytest.mark.parametrize("code", [1, 25, 127, 128 + 9, 128 + signal.SIGXFSZ, 255])
def test_an_exit_code_is_no_signal(code: int) -> None:
    for text in (f"exit {code}", f"exec sh -c 'exit {code}'", f"echo errors >&2; exit {code}"):
        finished = Sandbox().run(text)
        assert (finished.exit_code, finished.ended) == (code, None)
    finished = Sandbox().run_python(f"import os\nos._exit({code})")
    assert (finished.exit_code, finished.ended) == (code, None)


@pytest.mark.parametrize(
    "text", ["kill -XFSZ $$", "exec head -c 2000000 /dev/zero > /tmp/a", "exec truncate -s 9M /tmp/a"]
)
def test_a_signal_for_a_file_too_large_is_no_exit_code(text: str) -> None:
    finished = Sandbox(Limits(file_bytes=2**20)).run(text)
    assert (finished.exit_code, finished.ended, finished.output) == (None, "file_size", "")


def test_own_host_has_an_address() -> None:
    finished = Sandbox().run('getent hosts "$(hostname)"')
    assert (finished.exit_code, finished.output.split()[0]) == (0, "127.0.0.1")


def test_output_is_in_the_order_it_was_written() -> None:
    lines = "\n".join(f"echo out {n}; echo error {n} >&2" for n in range(50))
    expected = "".join(f"out {n}\nerror {n}\n" for n in range(50))
    assert Sandbox().run(lines).output == expected


def test_output_is_cut_at_the_limit_and_not_before() -> None:
    sandbox = Sandbox(Limits(output_bytes=1000))
    whole = sandbox.run("head -c 1000 /dev/zero | tr '\\0' a")
    assert (whole.output, whole.ended) == ("a" * 1000, None)
    cut = sandbox.run("head -c 1001 /dev/zero | tr '\\0' a")
    assert (cut.output, cut.ended, cut.exit_code) == ("a" * 1000, "output", None)


def test_python_programs_run_and_show_their_errors() -> None:
    finished = Sandbox().run_python("import json\nprint(json.dumps([1]))\n1 / 0")
    assert finished.output.startswith("[1]\nTraceback") and finished.output.endswith("division by zero\n")
    assert "    1 / 0\n" in finished.output and finished.exit_code == 1


def test_input_is_empty() -> None:
    assert Sandbox().run("cat; read line || echo none").output == "none\n"


def test_nothing_stays_from_one_run_to_the_next() -> None:
    sandbox = Sandbox()
    sandbox.run("echo x > /tmp/a; echo 'echo owned' > ~/.profile; echo x > /dev/shm/a")
    assert sandbox.run("ls -A /tmp /dev/shm; hostname").output == "/dev/shm:\n\n/tmp:\nsandbox\n"


def test_a_long_program_arrives_whole() -> None:
    assert Sandbox().run("# " + "x" * 200_000 + "\necho end").output == "end\n"


@pytest.mark.parametrize("text", ["echo " + "x" * 2**18, "echo a\0b", "echo \ud800"])
def test_text_that_can_be_no_program_is_an_invalid_action(text: str) -> None:
    with pytest.raises(InvalidAction, match=r"^the command "):
        Sandbox().run(text)


def test_unknown_network_is_refused() -> None:
    with pytest.raises(InfrarayError, match="one of 'none', 'reach', 'inherit'"):
        Sandbox(network="host")  # type: ignore[arg-type]


def test_the_machines_own_network_is_never_handed_out() -> None:
    assert "may be the machine's" in (problem("inherit") or "")
    with pytest.raises(InfrarayError, match="may be the machine's"):
        Sandbox(network="inherit").run("true")


def test_many_run_beside_each_other() -> None:
    sandbox = Sandbox(Limits(wall_s=60))
    with ThreadPoolExecutor(8) as pool:
        outputs = list(pool.map(lambda n: sandbox.run(f"echo {n} > /tmp/a; sleep 0.05; cat /tmp/a").output, range(32)))
    assert outputs == [f"{n}\n" for n in range(32)]


def test_time_and_processes_are_not_taken_from_the_neighbour() -> None:
    """A limit ends the sandbox that reached it and no other."""
    bystander = Sandbox(Limits(wall_s=30, processes=16))
    bomb = Sandbox(Limits(wall_s=2, processes=200))
    with ThreadPoolExecutor(2) as pool:
        exploding = pool.submit(bomb.run, "b() { b | b & }; b; while :; do sleep 1; done")
        standing = pool.submit(
            bystander.run, "for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.1; ls / | wc -l; done; echo end"
        )
        assert standing.result().output.endswith("end\n")
        assert exploding.result().ended is not None


@pytest.mark.alone
def test_the_machine_answers_during_a_fork_bomb() -> None:
    sandbox = Sandbox(Limits(wall_s=2, processes=128))
    bomb = threading.Thread(target=sandbox.run, args=("b() { b | b & b | b & }; b; while :; do b; done",))
    bomb.start()
    slowest = 0.0
    while bomb.is_alive():
        started = time.monotonic()
        Sandbox(Limits(wall_s=60)).run("true")
        slowest = max(slowest, time.monotonic() - started)
    bomb.join()
    assert slowest < 5


def test_an_interrupted_run_leaves_nothing() -> None:
    before = children()
    with pytest.raises(TimeLimit), time_limit(0.2):
        Sandbox(Limits(wall_s=60)).run("sleep 1000 & sleep 1000")
    assert children() == before


def test_no_file_stays_open() -> None:
    def open_files() -> int:
        return len(os.listdir("/proc/self/fd"))

    sandbox = Sandbox(Limits(wall_s=5, output_bytes=100))
    sandbox.run("true")
    before = open_files()
    for command in ("true", "yes", "nosuchcommand"):
        sandbox.run(command)
    with pytest.raises(InfrarayError):
        Sandbox(network="inherit").run("true")
    assert open_files() == before


def test_blocked_signals_and_ignored_ones_change_nothing() -> None:
    before = signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    try:
        assert Sandbox().run("yes | head -n 1").output == "y\n"
    finally:
        signal.signal(signal.SIGPIPE, before)


def test_without_bubblewrap_nothing_runs(nothing_known: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name, path: None if name == "bwrap" else f"/usr/bin/{name}")
    assert "apt-get install bubblewrap" in (problem() or "")
    with pytest.raises(InfrarayError, match="apt-get install bubblewrap"):
        Sandbox().run("true")


def test_an_old_bubblewrap_is_refused(nothing_known: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    old = tmp_path / "bwrap"
    old.write_text("#!/bin/sh\necho bubblewrap 0.4.1\n")
    old.chmod(0o755)
    monkeypatch.setattr("shutil.which", lambda name, path: str(old) if name == "bwrap" else f"/usr/bin/{name}")
    assert problem() == "isolation: bubblewrap 0.4.1 is too old; 0.7 or newer is needed"


def test_a_kernel_that_forbids_namespaces_is_named() -> None:
    def forbidden() -> str | None:
        Path("/proc/sys/user/max_user_namespaces").write_text("0")
        return problem()

    assert (in_namespaces(forbidden) or "").endswith("run once as root: sysctl -w user.max_user_namespaces=10000")


def test_another_pid_namespaces_proc_is_refused() -> None:
    """The watcher would look at strangers."""

    def without_proc() -> str | None:
        os.system("umount /proc 2>/dev/null")
        return problem()

    assert "--mount-proc" in (in_namespaces(without_proc) or "")


def test_root_and_nobody_run_alike() -> None:
    command = "id; ulimit -a; ls -la /; grep -E 'Cap|Seccomp|NoNew' /proc/self/status; cat /proc/self/uid_map | wc -l"

    def here() -> str:
        return Sandbox().run(command).output

    if os.geteuid() == 0:
        mine, nobodys = (text.splitlines() for text in (here(), as_nobody(here)))
        assert [line.split()[:1] for line in mine] == [line.split()[:1] for line in nobodys]
        assert mine[0] == nobodys[0] == "uid=65534(nobody) gid=65534(nogroup) groups=65534(nogroup)"
    else:
        assert here().startswith("uid=65534(nobody) gid=65534(nogroup)")


def test_memory_that_processes_share_counts_once() -> None:
    program = """
import os, time
kept = bytearray(b'x') * (60 * 2**20)
for _ in range(10):
    if not os.fork():
        time.sleep(0.5)
        os._exit(0)
for _ in range(10): os.wait()
print('shared')
"""
    finished = Sandbox(Limits(memory_bytes=160 * 2**20)).run_python(program)
    assert (finished.output, finished.ended) == ("shared\n", None)


@pytest.mark.parametrize(("megabytes", "ended"), [(60, None), (220, "memory")])
def test_memory_is_that_of_all_processes_together(megabytes: int, ended: str | None) -> None:
    program = f"""
import os, time
for _ in range(4):
    if not os.fork():
        kept = bytearray(b'x') * ({megabytes} * 2**20 // 4)
        time.sleep(0.4)
        os._exit(0)
for _ in range(4): os.wait()
"""
    assert Sandbox(Limits(memory_bytes=160 * 2**20)).run_python(program).ended == ended


def test_processor_time_is_that_of_all_processes_together() -> None:
    loop = "import time\nwhile time.process_time() < 0.25: pass"
    command = f"for i in 1 2 3; do python3 -c '{loop}'; done; echo end"
    assert Sandbox(Limits(cpu_s=5, wall_s=60)).run(command).output == "end\n"
    assert Sandbox(Limits(cpu_s=0.5, wall_s=60)).run(command).ended == "cpu"
