"""The programs that run in pods, on this machine's loopback interface: each answer is told by its word."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from infraray.emulators.remote_cluster.attempts import PROGRAM
from infraray.emulators.remote_cluster.workloads import LISTENER


def free_port(kind: int) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def ports() -> Iterator[dict[str, int]]:
    """What a listener of ours listens on."""
    found = {"TCP": free_port(socket.SOCK_STREAM), "UDP": free_port(socket.SOCK_DGRAM)}
    process = subprocess.Popen(
        [sys.executable, "-I", "-u", "-c", LISTENER, *(f"{name}:{number}" for name, number in found.items())],
        env={**os.environ, "POD": "here/listener", "CONTAINER": "server"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith("listening TCP:")
    yield found
    process.kill()
    process.communicate()


def probe(*attempts: tuple[str, int, str], seconds: float = 20.0) -> list[list[str]]:
    asked = [seconds, [[*one, f"secret{number}"] for number, one in enumerate(attempts)]]
    command = [sys.executable, "-I", "-c", PROGRAM, json.dumps(asked)]
    answer: list[list[str]] = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return answer


def test_what_listens_answers_as_its_pod(ports: dict[str, int]) -> None:
    attempts = [("127.0.0.1", ports[name], name) for name in ("TCP", "UDP", "TCP")]
    assert probe(*attempts) == [["open", "here/listener"]] * 3


def test_what_does_not_listen_refuses(ports: dict[str, int]) -> None:
    attempts = [("127.0.0.1", free_port(kind), name) for name, kind in (("TCP", 1), ("UDP", 2))]
    assert probe(*attempts) == [["refused", ""]] * 2


def test_what_does_not_answer_is_blocked_or_silent() -> None:
    with socket.socket() as stream, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        stream.bind(("127.0.0.1", 0))
        stream.listen(8)
        datagrams.bind(("127.0.0.1", 0))
        attempts = [("127.0.0.1", stream.getsockname()[1], "TCP"), ("127.0.0.1", datagrams.getsockname()[1], "UDP")]
        assert probe(*attempts, seconds=0.5) == [["silent", ""], ["blocked", ""]]


def test_another_answer_is_silence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        command = [
            sys.executable,
            "-I",
            "-c",
            PROGRAM,
            json.dumps([20.0, [["127.0.0.1", server.getsockname()[1], "TCP", "s"]]]),
        ]
        running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        accepted, _ = server.accept()
        with accepted:
            accepted.recv(100)
            accepted.sendall(b"here/listener server:1\nanother")
            assert json.loads(running.communicate()[0]) == [["silent", ""]]


def test_a_get_is_answered_with_who_it_is(ports: dict[str, int]) -> None:
    with socket.create_connection(("127.0.0.1", ports["TCP"])) as asked:
        asked.sendall(b"GET / HTTP/1.1\r\n\r\n")
        answer = b"".join(iter(lambda: asked.recv(4096), b""))
    assert answer.endswith(f"\r\n\r\nhere/listener server:{ports['TCP']}\n".encode())
