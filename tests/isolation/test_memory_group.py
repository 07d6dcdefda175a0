"""A sandbox's memory is the kernel's to count where it can be, and ours elsewhere."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from infraray.isolation import Finished, Limits, Sandbox, memory_group
from tests.isolation.attacks import ATTACKS
from tests.isolation.elsewhere import as_nobody, in_fork

LIMITS = {"wall_s": 8.0, "cpu_s": 4.0, "memory_bytes": 160 * 2**20, "processes": 48}

HYBRID = """
24 20 0:21 / /sys/fs/cgroup ro,nosuid - tmpfs tmpfs ro,mode=755
30 24 0:26 / «cgroup»/memory rw,nosuid shared:9 - cgroup cgroup rw,memory
31 24 0:27 / «cgroup»/unified rw,nosuid shared:10 - cgroup2 cgroup2 rw,nsdelegate
"""

UNIFIED = "25 20 0:22 «root» «cgroup» rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot\n"


def here() -> memory_group.MemoryGroup:
    group = memory_group.make(2**28)
    if group is None:
        pytest.skip("no memory cgroup can be made here")
    return group


def without_group(function: Callable[[], object]) -> object:
    """What a user sees who may make no cgroup."""

    def call() -> object:
        memory_group.make = lambda limit_bytes: None
        return function()

    return as_nobody(call) if os.geteuid() == 0 else in_fork(call)


@pytest.mark.parametrize("attack", [one for one in ATTACKS if "memory" in one.ended], ids=lambda one: one.name)
def test_memory_is_limited_without_a_cgroup(attack: object) -> None:
    def run() -> Finished:
        sandbox = Sandbox(Limits(**(LIMITS | attack.limits)))  # type: ignore[attr-defined]
        text: str = attack.text  # type: ignore[attr-defined]
        return (sandbox.run_python if text.startswith("import") else sandbox.run)(text)

    finished = without_group(run)
    assert finished.ended in attack.ended, finished  # type: ignore[attr-defined]


def test_pages_of_files_that_a_command_reads_do_not_count() -> None:
    here().close()
    finished = Sandbox(Limits(memory_bytes=48 * 2**20)).run("cat /usr/bin/* 2>/dev/null | head -c 100000000 | wc -c")
    assert (finished.output, finished.ended) == ("100000000\n", None)


def test_a_group_is_gone_after_the_run_however_it_ends() -> None:
    group = here()
    folder = group.folder.parent
    group.close()
    before = {path.name for path in folder.glob("infraray-*")}
    sandbox = Sandbox(Limits(memory_bytes=64 * 2**20, wall_s=2))
    for text in (
        "true",
        "exit 3",
        "sleep 100",
        "sleep 1000 & exit",
        "yes",
        "kept=$(head -c 100000000 /dev/zero | tr '\\0' x)",
    ):
        sandbox.run(text)
        assert {path.name for path in folder.glob(f"infraray-{os.getpid()}-*")} <= before


def test_what_a_killed_process_left_is_removed_and_what_is_young_or_used_stays() -> None:
    group = here()
    parent = group.folder.parent
    group.close()
    left, young, used = (parent / f"infraray-0-{name}" for name in ("left", "young", "used"))
    for folder in (left, young, used):
        folder.mkdir()
    sleeper = subprocess.Popen(
        ["sh", "-c", f"echo 0 > {used}/cgroup.procs; echo; exec sleep 60"], stdout=subprocess.PIPE
    )
    try:
        assert sleeper.stdout is not None and sleeper.stdout.readline()
        for folder in (left, used):
            os.utime(folder, (0, 0))
        memory_group._parent.cache_clear()
        here().close()
        assert (left.exists(), young.exists(), used.exists()) == (False, True, True)
    finally:
        sleeper.kill()
        sleeper.communicate()
        for folder in (young, used):
            folder.rmdir()


def test_a_version_1_group_is_made_below_the_own_one() -> None:
    own = "9:name=systemd:/a\n4:memory:/api/x\n0::/\n"
    found = list(memory_group.candidates(own, HYBRID.replace("«cgroup»", "/sys/fs/cgroup")))
    assert found == [Path("/sys/fs/cgroup/memory/api/x")]


@pytest.mark.parametrize("root", ["/", "/machine/abc"])
def test_a_version_2_group_is_made_in_the_nearest_one_that_shares_memory_out(tmp_path: Path, root: str) -> None:
    own = Path("user.slice/user-1000.slice/user@1000.service/app.slice/run-1.scope")
    (tmp_path / own).mkdir(parents=True)
    for group in (tmp_path / own, *(tmp_path / own).parents):
        if group.is_relative_to(tmp_path):
            (group / "cgroup.subtree_control").write_text("cpu memory pids\n")
    (tmp_path / own / "cgroup.subtree_control").write_text("")
    (tmp_path / own.parent.parent / "cgroup.subtree_control").write_text("cpu pids\n")
    mounts = UNIFIED.replace("«root»", root).replace("«cgroup»", str(tmp_path))
    found = list(memory_group.candidates(f"0::{Path(root) / own}\n", mounts))
    assert found == [tmp_path / own.parent, *(tmp_path / own.parents[place] for place in (2, 3, 4))]


@pytest.mark.parametrize("own", ["0::/../elsewhere\n", "0::/\n", "", "3:cpu:/a\n"])
def test_a_group_that_cannot_be_seen_is_none(tmp_path: Path, own: str) -> None:
    mounts = UNIFIED.replace("«root»", "/").replace("«cgroup»", str(tmp_path))
    assert list(memory_group.candidates(own, mounts)) == []
