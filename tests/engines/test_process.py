"""A server as a child: it is ready or says why not, and nothing of it is left."""

import os
import signal
import socket
import socketserver
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from infraray.engines import EngineSpec, process, supervisor
from infraray.engines.process import EngineProcess
from infraray.engines.supervisor import descendants
from infraray.errors import InfrarayError
from tests.engines.fakes import FAKE_SERVER, eventually, exists, fake_engine, listens, noted
from tests.engines.started import started


def refusal(spec: EngineSpec) -> str:
    with pytest.raises(InfrarayError) as refused, started(spec):
        pass
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_a_server_is_ready_and_ends_with_its_port() -> None:
    with started(fake_engine()) as engine:
        assert engine.alive() and engine.healthy() and listens(engine.url)
        assert "fake engine in mode ready" in engine.log_tail()
        pids = [engine.pid or 0, *descendants(engine.pid or 0)]
        assert len(pids) == 3  # two supervisors and the server
    assert not any(map(exists, pids)) and not listens(engine.url)


def test_grandchildren_that_ignore_every_request_end_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "GRACE_S", 0.3)
    with started(fake_engine("stubborn", tmp_path)):
        assert eventually(lambda: len(noted(tmp_path)) == 3)
    assert not any(map(exists, noted(tmp_path)))


@pytest.mark.parametrize("victim", ["server", "inner supervisor", "outer supervisor"])
def test_whichever_process_is_killed_nothing_is_left(
    tmp_path: Path, victim: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "GRACE_S", 0.3)
    with started(fake_engine("stubborn", tmp_path)) as engine:
        assert eventually(lambda: len(noted(tmp_path)) == 3)
        outer = engine.pid or 0
        inner, server = descendants(outer)[:2]
        os.kill({"server": server, "inner supervisor": inner, "outer supervisor": outer}[victim], signal.SIGKILL)
        assert eventually(lambda: not any(map(exists, [inner, *noted(tmp_path)])))
        assert eventually(lambda: not engine.alive(), 2.0) and not listens(engine.url)


@pytest.mark.parametrize("first", ["nobody", "outer supervisor"])
def test_the_owner_killed_leaves_nothing(first: str, tmp_path: Path) -> None:
    (notes := tmp_path / "notes").mkdir()
    (temporary := tmp_path / "temporary").mkdir()
    owner = subprocess.Popen(
        [
            *(sys.executable, "-c"),
            "import sys, time; from infraray.engines import process; process.GRACE_S = 0.3\n"
            "from tests.engines.fakes import fake_engine\n"
            f"from pathlib import Path; spec = fake_engine('stubborn', Path({str(notes)!r}))\n"
            "engine = process.EngineProcess(spec)\n"
            "engine.start(); print(engine.url, engine.pid, flush=True); time.sleep(600)",
        ],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "TMPDIR": str(temporary)},
    )
    with owner:
        assert owner.stdout is not None
        url, pid = owner.stdout.readline().split()
        assert eventually(lambda: len(noted(notes)) == 3)
        pids = [int(pid), *descendants(int(pid))]
        if first == "outer supervisor":
            # Ray kills the children of an actor before it ends the actor.
            os.kill(int(pid), signal.SIGKILL)
            assert eventually(lambda: not any(map(exists, noted(notes))))
        owner.kill()
    assert len(pids) == 5
    assert eventually(lambda: not any(map(exists, pids))) and not listens(url)
    assert eventually(lambda: not list(temporary.iterdir()))


def test_an_engines_own_reason_is_told_in_one_line() -> None:
    assert refusal(fake_engine("error")) == (
        "engine engine (tgi fake): did not start: RuntimeError: the weights are made of cheese"
    )


def test_a_server_that_never_answers_is_given_up() -> None:
    assert "not ready after 0.5 s (ready_timeout_s)" in refusal(fake_engine("never", ready_timeout_s=0.5))


def test_a_command_that_is_not_there_is_named() -> None:
    spec = EngineSpec(engine="tgi", model="fake", command="/nowhere/launcher --port {port}")
    assert "cannot run /nowhere/launcher: No such file or directory" in refusal(spec)


def test_a_missing_model_folder_is_named_before_anything_starts() -> None:
    assert "no such model folder" in refusal(EngineSpec(engine="vllm", model="/nowhere/model"))


def test_stopping_while_it_starts_ends_the_start() -> None:
    engine = EngineProcess(fake_engine("never"))
    threading.Timer(0.5, engine.end).start()
    with pytest.raises(InfrarayError, match="was stopped while it started"):
        engine.start()
    engine.remove_log()


def test_a_port_that_somebody_took_in_between_is_given_up_for_another(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ports = [taken.getsockname()[1], process.free_port("127.0.0.1")]
        remaining = iter(ports)
        monkeypatch.setattr(process, "free_port", lambda host: next(remaining))
        monkeypatch.setattr(process, "PROBE_TIMEOUT_S", 0.3)
        with started(fake_engine()) as engine:
            assert engine.port == ports[1]


def test_the_log_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "LOG_BYTES", 1000)
    log = supervisor.Log(str(tmp_path / "engine.log"))
    for number in range(1000):
        log.write(f"line {number}\n".encode())
    log.file.close()
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 2200
    assert (tmp_path / "engine.log").read_text().endswith("line 999\n")


def test_a_server_that_runs_already_is_used_and_left_alone() -> None:
    with started(fake_engine()) as server:
        spec = EngineSpec(engine="url", url=server.url, ready_timeout_s=5)
        with started(spec) as engine:
            assert engine.url == server.url and engine.alive()
        assert listens(server.url)
    assert "not ready after 0.2 s" in refusal(spec.model_copy(update={"ready_timeout_s": 0.2}))
    assert FAKE_SERVER.exists()


@pytest.mark.parametrize(
    "greeting", [b"SSH-2.0-OpenSSH_9.6\r\n", b"HTTP/1.1 \r\n\r\n", b"HTTP/1.1 200 OK\r\nA" + b":" * 70_000]
)
def test_a_port_that_speaks_no_http_is_no_server(greeting: bytes) -> None:
    class Greets(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.request.recv(4096)
            self.request.sendall(greeting)

    with socketserver.TCPServer(("127.0.0.1", 0), Greets) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}/v1"
        assert "not ready after 0.3 s" in refusal(EngineSpec(engine="url", url=url, ready_timeout_s=0.3))
        server.shutdown()
