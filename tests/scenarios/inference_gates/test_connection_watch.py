"""The watch sees to whom a process and its descendants talk, and to nobody else's connections."""

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from infraray.scenarios.inference.integrity import connection_watch
from infraray.scenarios.inference.integrity.connection_watch import ConnectionWatch, look_on, outside_connections

SPEAK = "import sys; print('ready', flush=True); sys.stdin.read()"


@contextmanager
def process(code: str) -> Iterator[int]:
    """Runs Python code until it says that it is ready."""
    child = subprocess.Popen(
        [sys.executable, "-c", f"import socket, subprocess, os\n{code}\n{SPEAK}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert child.stdout is not None and child.stdout.readline() == "ready\n"
        yield child.pid
    finally:
        child.communicate()


@pytest.fixture
def elsewhere() -> Iterator[socket.socket]:
    """A server that is none of the watched processes."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def test_a_process_that_asks_another_server_is_seen(elsewhere: socket.socket) -> None:
    port = elsewhere.getsockname()[1]
    with process(f"upstream = socket.create_connection(('127.0.0.1', {port}))") as pid:
        (found,) = outside_connections(pid, 1)
        assert found.protocol == "tcp" and found.remote == f"127.0.0.1:{port}" and "python" in found.process


def test_a_grandchild_in_a_session_of_its_own_is_seen_too(elsewhere: socket.socket) -> None:
    port = elsewhere.getsockname()[1]
    code = (
        "grandchild = subprocess.Popen([os.sys.executable, '-c', \"import socket, sys; upstream = socket."
        f"create_connection(('127.0.0.1', {port})); print('ready', flush=True); sys.stdin.read()\"], "
        "stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True)\n"
        "grandchild.stdout.readline()"
    )
    with process(code) as pid:
        assert [found.remote for found in outside_connections(pid, 1)] == [f"127.0.0.1:{port}"]


def test_udp_and_ipv6_are_seen() -> None:
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as server:
        server.bind(("::1", 0))
        port = server.getsockname()[1]
        code = f"upstream = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); upstream.connect(('::1', {port}))"
        with process(code) as pid:
            (found,) = outside_connections(pid, 1)
            assert (found.protocol, found.remote) == ("udp", f"::1:{port}")


def test_a_unix_socket_is_no_way_round() -> None:
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as server:
        path = str(Path(folder) / "upstream")
        server.bind(path)
        server.listen()
        with process(f"upstream = socket.socket(socket.AF_UNIX); upstream.connect({path!r})") as pid:
            held, _ = server.accept()
            with held:
                assert [found.protocol for found in outside_connections(pid, 1)] == ["unix"]


def test_processes_that_talk_to_each_other_are_nobodys_business() -> None:
    code = (
        "server = socket.create_server(('127.0.0.1', 0)); port = server.getsockname()[1]\n"
        "inside = socket.create_connection(('127.0.0.1', port)); held = server.accept()\n"
        "pair = socket.socketpair()\n"
    )
    with process(code) as pid:
        assert outside_connections(pid, 1) == set()


def test_clients_are_expected_at_the_servers_port_and_at_no_other() -> None:
    """A helper that connects to the server, rather than the other way round."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    code = (
        f"import threading; held = []; door = socket.create_server(('127.0.0.1', {port}))\n"
        "threading.Thread(target=lambda: held.append(door.accept()), daemon=True).start()"
    )
    with process(code) as pid, socket.create_connection(("127.0.0.1", port)) as helper:
        deadline = time.monotonic() + 20
        while not (found := outside_connections(pid, 1)) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert [one.remote for one in found] == [f"127.0.0.1:{helper.getsockname()[1]}"]
        assert outside_connections(pid, port) == set()


def test_the_watch_counts_in_how_many_looks_each_connection_was_there(elsewhere: socket.socket) -> None:
    port = elsewhere.getsockname()[1]
    with (
        process(f"upstream = socket.create_connection(('127.0.0.1', {port}))") as pid,
        ConnectionWatch(pid, 1) as watch,
    ):
        time.sleep(2)
    log = watch.log
    assert log.looks >= 5 and log.with_outside == log.looks == next(iter(log.seen.values()))
    assert log.failure is None and 0.2 < log.outside_s == log.seconds < 25


def test_a_load_that_is_over_at_once_is_watched_too() -> None:
    with process("pass") as pid:
        for _ in range(3):
            with ConnectionWatch(pid, 1) as watch:
                pass
            assert watch.log.failure is None and watch.log.looks >= connection_watch.LEAST_LOOKS


def test_looks_after_a_long_load_do_not_stand_for_it(monkeypatch) -> None:
    """Whoever keeps the watch from looking is not watched."""
    monkeypatch.setattr(connection_watch, "outside_connections", lambda pid, port: set())
    began, clock = time.monotonic(), time.monotonic
    late = iter([began, *[began + 60.0] * 10])
    monkeypatch.setattr(connection_watch.time, "monotonic", lambda: next(late, clock()))
    reading, writing = os.pipe()
    os.close(writing)
    with os.fdopen(reading, "rb") as over:
        log = look_on(1, 1, over)
    assert log.looks == 0 and log.seconds == 60.0


def test_a_look_that_fails_ends_the_watch_and_is_told(monkeypatch) -> None:
    """Three looks and then an exception."""
    looks = iter([set(), set(), set()])
    monkeypatch.setattr(connection_watch, "outside_connections", lambda pid, port: next(looks))
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as over, os.fdopen(writing, "wb"):
        log = look_on(1, 1, over)
    assert log.looks == 3 and log.failure == "StopIteration: "


def test_a_watch_that_is_killed_says_so() -> None:
    with ConnectionWatch(os.getpid(), 1) as watch:
        watch._process.kill()
    assert watch.log.looks == 0 and watch.log.failure == "exit status -9"


def test_a_process_that_hides_its_connections_is_not_taken_for_one_without(monkeypatch) -> None:
    def refuse(path: str) -> None:
        raise PermissionError(13, "Permission denied", path)

    with process("pass") as pid:
        monkeypatch.setattr(connection_watch.os, "scandir", refuse)
        with pytest.raises(PermissionError):
            outside_connections(pid, 1)


def test_a_process_that_has_ended_is_no_error() -> None:
    with process("pass") as pid:
        pass
    assert outside_connections(pid, 1) == set()
