"""Every attack fails, is told, and leaves the machine as it was."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from infraray.isolation import Limits, Sandbox
from tests.isolation.attacks import ATTACKS, Attack
from tests.isolation.host import Baits, adopting, children, left_after, state

LIMITS = {"wall_s": 8.0, "cpu_s": 4.0, "memory_bytes": 160 * 2**20, "processes": 48, "file_bytes": 64 * 2**20}


@pytest.fixture(scope="module")
def baits(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Baits]:
    """Baits around all attacks; after the last one the machine must be as before."""
    folder = tmp_path_factory.mktemp("baits")
    # Reachable for every user, were it not for the sandbox.
    for path in (folder, *folder.parents):
        if path.is_relative_to("/tmp") and path != Path("/tmp"):
            path.chmod(0o777)
    baits = Baits(folder)
    os.environ["INFRARAY_BAIT"] = baits.secret
    before = state()
    with adopting():
        known = children()
        yield baits
        left = left_after(known)
    taken = baits.taken()
    baits.close()
    assert state() == before
    del os.environ["INFRARAY_BAIT"]
    assert not left and not taken


def run(attack: Attack, baits: Baits, sandbox: Sandbox) -> None:
    text = baits.fill(attack.text)
    finished = (sandbox.run_python if text.startswith("import") else sandbox.run)(text)
    assert finished.ended in attack.ended, finished
    assert re.search(attack.says, finished.output), finished
    assert "DONE" not in finished.output and baits.secret not in finished.output
    assert (finished.exit_code is None) == (finished.ended is not None)
    assert len(finished.output.encode()) <= sandbox.limits.output_bytes
    assert finished.wall_s < sandbox.limits.wall_s + 4


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name.replace(" ", "-"))
def test_attack_fails_and_leaves_the_machine_as_it_was(attack: Attack, baits: Baits) -> None:
    known = children()
    run(attack, baits, Sandbox(Limits(**(LIMITS | attack.limits))))
    assert children() - known == set()
    assert baits.taken() == []
    assert subprocess.run(["true"], timeout=10).returncode == 0


def test_attacks_are_many_and_distinct() -> None:
    assert len({attack.name for attack in ATTACKS}) == len({attack.text for attack in ATTACKS}) == len(ATTACKS) >= 100


def test_baits_are_within_reach_where_there_is_no_sandbox(tmp_path: Path) -> None:
    baits = Baits(tmp_path)
    program = f"""
import socket
socket.create_connection(("127.0.0.1", {baits.port}))
socket.socket(socket.AF_UNIX).connect({str(baits.path_socket)!r})
socket.socket(socket.AF_UNIX).connect("\\0infraray-{baits.secret[:8]}")
open({str(baits.file)!r}, "a").write("taken")
"""
    subprocess.run([sys.executable, "-I", "-c", program], check=True, timeout=60)
    assert len(baits.taken()) == 4
    baits.close()
