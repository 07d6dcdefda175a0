"""Launches from a process that has imported the engine: as plain ones in all that can be seen, and nothing is left."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infraray.engines import EngineKind, EngineSpec, process, register_engine
from infraray.engines.preloaded import PreloadedLauncher
from infraray.engines.process import EngineProcess
from infraray.engines.supervisor import descendants
from infraray.errors import InfrarayError
from tests.engines.fakes import eventually, exists, listens, noted
from tests.engines.started import started

FOLDER = str(Path(__file__).with_name("preloadable"))


class Preloadable(EngineKind):
    command = ("{python}", "-m", "engine", "--port", "{port}")
    preload = ("imports", "a_module_that_this_version_does_not_have")
    read_late = ("SGLANG_",)


register_engine("preloadable", Preloadable)


@pytest.fixture
def preloaded() -> Iterator[PreloadedLauncher]:
    launcher = PreloadedLauncher()
    yield launcher
    launcher.end()


def spec_of(env: dict[str, str] | None = None, python: str = sys.executable, **flags: Any) -> EngineSpec:
    env = {"PYTHONPATH": FOLDER, **(env or {})}
    return EngineSpec(engine="preloadable", model="fake", flags=flags, env=env, python=python, ready_timeout_s=60)


def answer(engine: EngineProcess) -> dict[str, Any]:
    with urllib.request.urlopen(engine.url, timeout=10) as response:
        said: dict[str, Any] = json.load(response)
        return said


def launched(spec: EngineSpec, preloaded: PreloadedLauncher | None) -> dict[str, Any]:
    """What an engine says of itself; it has ended when this returns."""
    with started(spec, preloaded) as engine:
        said = answer(engine)
        above = [engine.pid or 0, *descendants(engine.pid or 0)]
        assert said["server"]["pid"] in above and said["worker"]["pid"] in above
    assert not any(map(exists, above)) and not listens(engine.url)
    return said


def test_servers_and_their_workers_share_one_import(preloaded: PreloadedLauncher) -> None:
    plain = launched(spec_of(), None)
    assert plain["server"]["imported_by"] != plain["worker"]["imported_by"]
    said = [launched(spec, preloaded) for spec in (spec_of(), spec_of(stubborn=False))]
    assert len({one[part]["imported_by"] for one in said for part in ("server", "worker")}) == 1


def test_a_fork_is_as_a_plain_start(preloaded: PreloadedLauncher, tmp_path: Path) -> None:
    spec = spec_of(env={"IMPORTS_NUMPY": "1"}, folder=str(tmp_path))
    plain, forked = (launched(spec, way) for way in (None, preloaded))
    for part in ("server", "worker"):
        for same in ("folder", "variable", "imported_under"):
            assert forked[part][same] == plain[part][same]
        # One to have workers forked, one to tell the zygote what they need.
        assert forked[part]["descriptors"] == plain[part]["descriptors"] + 2
        assert set(forked[part]["random"]).isdisjoint(forked["server" if part == "worker" else "worker"]["random"])
        assert forked[part]["group"] == forked["server"]["pid"]
    assert forked["worker"]["parent"] == forked["server"]["pid"]
    assert forked["exit_code"] == plain["exit_code"] == 7
    assert "--folder" in forked["server"]["arguments"]


def test_two_servers_run_side_by_side(preloaded: PreloadedLauncher) -> None:
    with started(spec_of(), preloaded) as first:
        with started(spec_of(set_for_workers="x"), preloaded) as second:
            assert answer(first)["server"]["imported_by"] == answer(second)["server"]["imported_by"]
        assert first.healthy() and not second.healthy()


def test_workers_get_what_is_imported_under_their_own_variables(preloaded: PreloadedLauncher) -> None:
    first = launched(spec_of(set_for_workers="a"), preloaded)
    assert first["worker"]["imported_by"] == first["worker"]["pid"]
    second = launched(spec_of(set_for_workers="a"), preloaded)
    assert second["worker"]["imported_by"] == second["server"]["imported_by"] != second["worker"]["pid"]
    third = launched(spec_of(set_for_workers="b"), preloaded)
    assert third["worker"]["imported_by"] == third["worker"]["pid"]
    for said, value in ((first, "a"), (second, "a"), (third, "b")):
        assert said["worker"]["imported_under"] == said["worker"]["variable"] == value
        assert said["server"]["variable"] is None


def test_a_workers_worker_keeps_neither_from_being_a_fork(preloaded: PreloadedLauncher) -> None:
    spec = spec_of(set_for_workers="a", set_for_workers_of_workers="b")
    launched(spec, preloaded)
    for _ in range(2):
        said = launched(spec, preloaded)
        assert said["worker"]["imported_by"] == said["server"]["imported_by"] != said["worker"]["pid"]
        assert said["below"]["imported_by"] == said["below"]["pid"]
        assert (said["worker"]["imported_under"], said["below"]["imported_under"]) == ("a", "a")


@pytest.mark.alone
def test_one_can_wait_until_what_was_learned_is_imported(preloaded: PreloadedLauncher) -> None:
    preloaded.wait()  # There is nothing to wait for.
    taught = spec_of({"IMPORTS_TAKE_S": "3"}, set_for_workers="a")
    launched(taught, preloaded)
    began = time.monotonic()
    preloaded.wait()
    imported = time.monotonic()
    preloaded.wait()
    assert imported - began > 2.0 > time.monotonic() - imported
    said = launched(taught, preloaded)
    assert said["worker"]["imported_by"] == said["server"]["imported_by"] != said["worker"]["pid"]


def test_nobody_waits_for_a_process_that_was_killed(preloaded: PreloadedLauncher) -> None:
    os.kill(launched(spec_of(), preloaded)["server"]["imported_by"], signal.SIGKILL)
    preloaded.wait()


def test_other_variables_are_imported_under_anew(preloaded: PreloadedLauncher) -> None:
    said = [launched(spec_of(env={"SET_FOR_WORKERS": value}), preloaded) for value in "ab"]
    assert [one["server"]["imported_under"] for one in said] == ["a", "b"]


def test_each_interpreter_keeps_its_import(preloaded: PreloadedLauncher, tmp_path: Path) -> None:
    other = tmp_path / "python"
    other.symlink_to(sys.executable)
    said = [launched(spec_of(python=python), preloaded) for python in (sys.executable, str(other), sys.executable)]
    by = [one["server"]["imported_by"] for one in said]
    assert by[0] == by[2] != by[1]


def test_what_has_threads_is_not_forked(preloaded: PreloadedLauncher) -> None:
    said = launched(spec_of(env={"IMPORTS_START_A_THREAD": "1"}), preloaded)
    assert said["server"]["imported_by"] == said["server"]["pid"]


@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler (apt-get install gcc libc6-dev)")
@pytest.mark.parametrize(("status", "forked"), [(3, True), (0, False)], ids=["devices counted", "CUDA initialized"])
def test_what_computes_on_a_gpu_is_not_forked(
    preloaded: PreloadedLauncher, tmp_path: Path, status: int, forked: bool
) -> None:
    """The library stands in for NVIDIA's driver, which loads only where there is one."""
    driver = tmp_path / "libcuda.so.1"
    source = f"int cuCtxGetCurrent(void **context) {{ *context = 0; return {status}; }}"
    build = ["cc", "-shared", "-fPIC", f"-Wl,-soname,{driver.name}", "-x", "c", "-", "-o", str(driver)]
    subprocess.run(build, input=source, text=True, check=True)
    said = launched(spec_of(env={"IMPORTS_LIBRARY": str(driver)}), preloaded)
    assert (said["server"]["imported_by"] != said["server"]["pid"]) == forked


@pytest.mark.parametrize("victim", ["zygote", "outer supervisor", "inner supervisor", "server"])
def test_whichever_process_is_killed_nothing_is_left(
    tmp_path: Path, preloaded: PreloadedLauncher, victim: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "GRACE_S", 0.3)
    with started(spec_of(folder=str(tmp_path), stubborn=True), preloaded) as engine:
        outer = engine.pid or 0
        inner, server = descendants(outer)[:2]
        zygote = answer(engine)["server"]["imported_by"]
        below = [outer, *descendants(outer)]
        assert set(noted(tmp_path)) < set(below)
        victims = {"zygote": zygote, "outer supervisor": outer, "inner supervisor": inner, "server": server}
        os.kill(victims[victim], signal.SIGKILL)
        assert eventually(lambda: not any(map(exists, below)))
        assert eventually(lambda: not engine.alive()) and not listens(engine.url)
    again = launched(spec_of(), preloaded)
    assert (again["server"]["imported_by"] == zygote) == (victim != "zygote")


def test_the_owner_killed_leaves_nothing(tmp_path: Path) -> None:
    own, notes = tmp_path / "temporary", tmp_path / "notes"
    own.mkdir()
    notes.mkdir()
    owner = subprocess.Popen(
        [
            *(sys.executable, "-c"),
            "import time; from infraray.engines import process; process.GRACE_S = 0.3\n"
            "from tests.engines.test_preloaded import *\n"
            f"engine = EngineProcess(spec_of(folder={str(notes)!r}, stubborn=True), preloaded=PreloadedLauncher())\n"
            "engine.start(); print(engine.url, flush=True); time.sleep(600)",
        ],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "TMPDIR": str(own)},
    )
    with owner:
        assert owner.stdout is not None
        url = owner.stdout.readline().strip()
        pids = descendants(owner.pid)
        assert list(own.iterdir())
        owner.kill()
    # Two supervisors, the zygote, two supervisors, the server and the worker, each with what its workers come from.
    assert len(pids) >= 9 and set(noted(notes)) < set(pids)
    assert eventually(lambda: not any(map(exists, pids))) and not listens(url)
    assert not list(own.iterdir())


def test_the_launcher_ended_leaves_nothing(preloaded: PreloadedLauncher) -> None:
    others = set(descendants(os.getpid()))
    with started(spec_of(), preloaded) as engine:
        pids = set(descendants(os.getpid())) - others
        preloaded.end()
        assert not any(map(exists, pids)) and not engine.alive()


def test_ending_while_it_imports_does_not_wait_for_it(preloaded: PreloadedLauncher) -> None:
    engine = EngineProcess(spec_of(env={"IMPORTS_TAKE_S": "600"}), preloaded=preloaded)
    threading.Timer(1.0, engine.end).start()
    began = time.monotonic()
    with pytest.raises(InfrarayError, match="was stopped while it started"):
        engine.start()
    engine.end()
    engine.remove_log()
    assert time.monotonic() - began < 20
    assert not [pid for pid in descendants(os.getpid()) if "zygote" in Path(f"/proc/{pid}/cmdline").read_text()]


@pytest.mark.parametrize(
    "spec, reason",
    [
        (spec_of(fail=True), "did not start: RuntimeError: the weights are made of cheese"),
        (spec_of(frobnicate=3), "did not start: unrecognized arguments: --frobnicate 3"),
        (spec_of(python="/nowhere/python"), "cannot run /nowhere/python: No such file or directory"),
        (spec_of(env={"PYTHONPATH": "/nowhere"}), "No module named engine"),
    ],
)
def test_the_reason_is_told_in_one_line(preloaded: PreloadedLauncher, spec: EngineSpec, reason: str) -> None:
    with pytest.raises(InfrarayError) as refused, started(spec, preloaded):
        pass
    assert reason in str(refused.value) and "\n" not in str(refused.value)


def test_a_command_of_the_users_is_started_plainly(preloaded: PreloadedLauncher) -> None:
    plain = spec_of().model_copy(update={"command": (sys.executable, "-m", "engine", "--port", "{port}")})
    said = launched(plain, preloaded)
    assert said["server"]["imported_by"] == said["server"]["pid"]
