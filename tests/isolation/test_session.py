"""A long-lived sandbox keeps its folder and its programs, and no program ends, inspects or outlives it."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from infraray.isolation import Limits
from infraray.isolation.session import Exit, Session, Shown, used_bytes
from infraray.scratch import scratch_folder
from tests.isolation.attacks import ATTACKS
from tests.isolation.host import Baits, adopting, children, left_after, state

MIB = 2**20


class Inside:
    """A session, and the limits that it told of."""

    def __init__(self, folder: Path, memory: int, processes: int, disk: int) -> None:
        self.limits: list[str] = []
        self.folder = folder
        limits = Limits(wall_s=300, cpu_s=3000, memory_bytes=memory, processes=processes, file_bytes=disk)
        self.session = Session(limits, disk, Shown({"/workspace": folder}), "/workspace", self.limits.append)

    async def sh(self, command: str, given: str = "") -> tuple[str, int]:
        """What a command prints, and its exit code."""
        printed: list[str] = []
        async for news in self.session.run(["/bin/sh", "-c", command], {}, given):
            if isinstance(news, Exit):
                return "\n".join(printed), news.code
            printed.append(news.text)
        raise AssertionError("no end")


@asynccontextmanager
async def inside(memory: int = 256 * MIB, processes: int = 60, disk: int = 64 * MIB) -> AsyncIterator[Inside]:
    with scratch_folder() as scratch:
        folder = scratch / "work"
        folder.mkdir()
        made = Inside(folder, memory, processes, disk)
        try:
            await made.session.start()
            yield made
        finally:
            await made.session.end()


def within(test: Callable[[Inside], Awaitable[None]], **limits: int) -> None:
    async def run() -> None:
        async with inside(**limits) as made:
            await test(made)

    asyncio.run(run())


def test_programs_share_their_folder_and_their_network_with_those_after_them() -> None:
    async def test(made: Inside) -> None:
        assert await made.sh("cat; echo wrong >&2; exit 3", "given\n") == ("given\nwrong", 3)
        await made.sh("echo kept > file; python3 -m http.server 8123 >/dev/null 2>&1 & echo $! > pid")
        assert await made.sh("cat file; kill -0 $(cat pid) && echo runs") == ("kept\nruns", 0)
        port = await made.session.relay(8123)
        answer = b""
        while not answer:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET /file HTTP/1.0\r\n\r\n")
            answer = await reader.read()  # nothing, as long as nobody listens there
            writer.close()
        assert answer.endswith(b"kept\n")

    within(test)


def test_only_the_given_socket_can_be_reached() -> None:
    async def test(made: Inside) -> None:
        listener = made.session.listener
        assert listener is not None
        with listener, socket.create_server(("127.0.0.1", 0)) as machines:
            port = machines.getsockname()[1]
            reach = "import socket,sys; socket.create_connection(('127.0.0.1', int(sys.argv[1])), 3); print('reached')"
            assert (await made.sh(f'python3 -c "{reach}" {made.session.port}'))[0] == "reached"
            said, code = await made.sh(f'python3 -c "{reach}" {port}')
            assert code != 0 and "refused" in said
            said, code = await made.sh("python3 -c \"import socket; socket.create_connection(('192.0.2.1', 80), 3)\"")
            assert code != 0 and "unreachable" in said

    within(test)


@pytest.mark.parametrize(
    "attack",
    [
        "kill -9 1; kill -9 -1",
        "kill -STOP 1; kill -INT 1; kill -TERM 1; kill -CHLD 1",
        "echo x > /proc/1/fd/0; cat /proc/1/environ; cat /proc/1/mem",
        "for fd in /proc/*/fd/*; do echo '{}' > $fd; done",
        "import os\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        pass",
        "import os\nfor pid in range(1, 400):\n    try:\n        os.kill(pid, 9)\n    except OSError:\n        pass",
    ],
)
def test_the_session_survives_what_ends_everything_else_in_it(attack: str) -> None:
    async def test(made: Inside) -> None:
        if attack.startswith("import"):
            (made.folder / "attack.py").write_text(attack)
            await made.sh("python3 attack.py")
        else:
            await made.sh(f"({attack}) 2>/dev/null")
        assert await made.sh("echo lives") == ("lives", 0)

    within(test)


def test_memory_and_disk_are_bounded_for_all_processes_together_and_what_is_over_is_told() -> None:
    async def test(made: Inside) -> None:
        hog = "x = bytearray(120 << 20); import time; time.sleep(30)"
        await made.sh(f"for i in 1 2 3 4; do python3 -c '{hog}' & done; wait")
        assert await made.sh("echo lives") == ("lives", 0)
        await made.sh("for i in 1 2 3 4; do head -c 30000000 /dev/zero > big$i & done; wait; sleep 30")
        assert "disk" in made.limits
        assert await made.sh("rm big*; echo lives") == ("lives", 0)
        assert (await made.sh("head -c 100000000 /dev/zero > huge; rm -f huge"))[0] != ""

    within(test)


def test_a_disk_that_stays_too_full_ends_the_session() -> None:
    async def test(made: Inside) -> None:
        while not made.session.over.is_set():
            await made.sh("head -c 30000000 /dev/zero > a; head -c 30000000 /dev/zero > b; sleep 5")
        assert made.session.ended_by == "disk"
        assert (await made.sh("echo lives"))[1] == 137

    within(test, disk=32 * MIB)


def test_daemons_end_with_the_session() -> None:
    async def test() -> None:
        async with inside() as made:
            await made.sh("(setsid sleep 1000 &) ; nohup sleep 1000 >/dev/null 2>&1 & trap '' TERM")

    with adopting():
        known = children()
        asyncio.run(test())
        assert left_after(known) == set()


def test_killed_caller_leaves_no_process() -> None:
    async def test(told: int) -> None:
        async with inside() as made:
            await made.sh("setsid sleep 1000 >/dev/null 2>&1 &")
            os.write(told, b"!")
            await made.sh("sleep 1000")

    with adopting():
        known = children()
        reading, writing = os.pipe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            caller = os.fork()
        if caller == 0:
            try:
                asyncio.run(test(writing))
            finally:
                os._exit(0)
        os.read(reading, 1)
        os.kill(caller, signal.SIGKILL)
        os.waitpid(caller, 0)
        assert left_after(known) == set()


def test_endless_output_without_line_ends_takes_bounded_memory() -> None:
    async def test(made: Inside) -> None:
        longest = count = 0
        async for news in made.session.run(["/bin/sh", "-c", "head -c 5000000 /dev/zero | tr '\\0' x"], {}, ""):
            if not isinstance(news, Exit):
                longest, count = max(longest, len(news.text)), count + len(news.text)
        assert count >= 4_900_000 and longest <= 2**20 + 2**15

    within(test)


def test_attacks_on_the_machine_reach_nothing_from_a_session(tmp_path: Path) -> None:
    for path in (tmp_path, *tmp_path.parents):
        if path.is_relative_to("/tmp") and path != Path("/tmp"):
            path.chmod(0o777)
    baits = Baits(tmp_path)
    before = state()
    chosen = [attack for attack in ATTACKS if not attack.limits and attack.ended == (None,)]
    slow = ("memory", "files in", "stop", "kill", "sleep")
    chosen = [attack for attack in chosen if not any(word in attack.name + attack.text for word in slow)]

    async def test(made: Inside) -> None:
        for number, attack in enumerate(chosen):
            text = baits.fill(attack.text)
            (made.folder / f"{number}").write_text(text)
            program = "python3 -I -B" if text.startswith("import") else "sh"
            said = ""
            with suppress(TimeoutError):
                said, _ = await asyncio.wait_for(made.sh(f"{program} ./{number} 2>&1 | head -c 20000"), 5)
            assert baits.secret not in said and baits.taken() == [], attack.name
        await made.session.clear()  # what an attack left running may still end others
        assert await made.sh("echo lives") == ("lives", 0)

    try:
        within(test, processes=200)
    finally:
        baits.close()
    assert state() == before


def test_disk_is_counted_without_following_links(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(bytes(100_000))
    (tmp_path / "link").symlink_to("/usr")
    (tmp_path / "folder").mkdir()
    began = time.monotonic()
    used = used_bytes([str(tmp_path)], 2**40)
    assert 100_000 <= used <= 200_000
    assert used_bytes([str(tmp_path)], 1000) == 1001
    assert time.monotonic() - began < 60
