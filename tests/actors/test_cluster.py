"""What keeps Ray from starting is one line that says what to do, for a command and for its doctor."""

import os
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from infraray.actors import pulse
from infraray.actors.cluster import check_cluster
from infraray.doctor import ray
from infraray.errors import InfrarayError


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RAY_ADDRESS", "RAY_TMPDIR"):
        monkeypatch.delenv(name, raising=False)


def long_folder(tmp_path: Path) -> str:
    path = tmp_path / ("x" * 100)
    path.mkdir()
    return str(path)


@pytest.mark.parametrize("setting", ["RAY_TMPDIR", "TMPDIR"])
@pytest.mark.parametrize(
    ("folder", "reason"),
    [
        (long_folder, "bytes too long for the sockets"),
        ("/proc/nope", "Ray cannot keep its files there"),
        ("/dev/null", "Ray cannot keep its files there"),
        ("/sys", "Ray cannot keep its files there"),
        ("relative", "must be an absolute path"),
        ("", "must be an absolute path"),
        ("/nowhere\udcff/" + "y" * 200, "bytes too long"),
    ],
)
def test_a_folder_in_which_ray_cannot_work_is_refused(
    folder, reason: str, setting: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    given = folder(tmp_path) if callable(folder) else folder
    monkeypatch.setenv(setting, given)
    with pytest.raises(InfrarayError, match=reason) as caught:
        check_cluster()
    assert str(caught.value).startswith(f"{setting}={given!r}: ") and "\n" not in str(caught.value)
    found = ray()
    assert not found.ok and found.fix == str(caught.value)


def test_the_longest_folder_that_ray_can_use_is_accepted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    room = 107 - len(f"/ray/session_2026-11-30_07-29-45_749069_{os.getpid()}/sockets/plasma_store")
    folder = Path("/tmp", f"{os.getpid()}".ljust(room - 5, "x"))
    monkeypatch.setenv("RAY_TMPDIR", str(folder))
    assert check_cluster() == "local"
    monkeypatch.setenv("RAY_TMPDIR", f"{folder}x")
    with pytest.raises(InfrarayError, match="1 bytes too long"):
        check_cluster()
    (folder / "ray").rmdir()
    folder.rmdir()


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_an_address_at_which_nothing_answers_is_refused(
    family: socket.AddressFamily, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(family) as taken:
        taken.bind(("127.0.0.1" if family == socket.AF_INET else "::1", 0))
        port = taken.getsockname()[1]
    address = f"127.0.0.1:{port}" if family == socket.AF_INET else f"[::1]:{port}"
    monkeypatch.setenv("RAY_ADDRESS", address)
    with pytest.raises(InfrarayError, match=r"no Ray cluster answers .*refused"):
        check_cluster()
    assert not ray().ok


@pytest.mark.parametrize(
    "says", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"SSH-2.0-OpenSSH_9.6\r\n", b"-ERR unknown\r\n"]
)
def test_a_server_that_is_not_rays_is_refused_at_once(says: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    def answer() -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(100)
            connection.sendall(says)

    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as pool:
        pool.submit(answer)
        monkeypatch.setenv("RAY_ADDRESS", f"127.0.0.1:{server.getsockname()[1]}")
        with pytest.raises(InfrarayError, match=r"no Ray cluster answers \(what listens there is another server\)"):
            check_cluster()


def test_rays_own_server_is_known(ray_session: None, monkeypatch: pytest.MonkeyPatch) -> None:
    import ray as ray_package

    monkeypatch.setenv("RAY_ADDRESS", ray_package.get_runtime_context().gcs_address)
    assert check_cluster() == ray_package.get_runtime_context().gcs_address


@pytest.mark.parametrize("address", ["[::1]", "::1", "here", "ray://here:1", "here:", "[::1]:x", ":", "[:1"])
def test_an_address_that_is_none_is_refused(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", address)
    with pytest.raises(InfrarayError, match=r"^RAY_ADDRESS=") as caught:
        check_cluster()
    assert "\n" not in str(caught.value)


def test_a_program_that_calls_us_is_told_of_a_lost_cluster(ray_session: None, monkeypatch: pytest.MonkeyPatch) -> None:
    import ray as ray_package

    @ray_package.remote(num_cpus=0)
    def never() -> None:
        import time

        time.sleep(1000)

    task = never.remote()
    pulse.wait([task], 0.1)

    class Ended:
        returncode = -9
        poll = staticmethod(lambda: -9)

    node = ray_package._private.worker._global_node
    monkeypatch.setitem(node.all_processes, "raylet", [type("Started", (), {"process": Ended})])
    with pytest.raises(pulse.ClusterLost, match=r"its raylet was ended \(status -9\)"):
        pulse.get(task)
    ray_package.cancel(task, force=True)
