"""Whatever a user's code raises, wherever it runs, is one line that names it; nothing of ours ends with it."""

import asyncio
import inspect
import math
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import gymnasium
import pytest

import infraray
from infraray.actors.rollout import pack
from infraray.agents import load_agent
from infraray.episodes import Entry, EpisodePlayer, EpisodeSpec, Trajectory
from infraray.runs.planning import make_plan
from infraray.runs.run_file import RunSpec
from infraray.stopping import Stopped
from infraray.tune import Objective
from infraray.tune.trial_actor import Order, carry_out
from infraray.user_code import describe_failure, guarded
from infraray.user_file import load_file
from tests.core.nasty import nasty
from tests.core.toy import Lamp

KINDS = sorted(nasty())

PLAYED = ("__init__", "begin", "numbers", "words", "advance", "check_action", "default_action", "measure", "verdict")
PLAYED += (
    "bound",
    "floor",
    "progress",
    "exclusively",
    "reset",
    "step",
    "describe_task",
    "describe_actions",
    "make_action_space",
)
DESCRIBED = ("__init__", "observed_fields", "make_action_space", "describe_task", "describe_actions", "options")


class Guesser(infraray.ScriptedAgent):
    def act(self, observation):
        return 0


class PatientGuesser(Guesser):
    async def act(self, observation):
        await asyncio.sleep(0)
        return 0


class TroubledLamp(Lamp):
    scenario = "troubled"


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    infraray.register("test/Troubled-v0", name="troubled", entry_point=TroubledLamp)
    for name, agent in {"guesser": Guesser, "patient": PatientGuesser}.items():
        infraray.register_agent(name, scenario="troubled")(agent)
    yield
    del infraray.registration._registrations["test/Troubled-v0"], gymnasium.registry["test/Troubled-v0"]
    for name in ("guesser", "patient"):
        del infraray.agents.agent._agents["troubled", name]


@pytest.fixture(autouse=True)
def in_a_command(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Signals have a command's handlers, and nobody waits long for a text."""
    monkeypatch.setattr(infraray.user_code, "TEXT_S", 0.02)
    before = signal.signal(signal.SIGINT, lambda *_: None)
    yield
    signal.signal(signal.SIGINT, before)


def raising(kind: str, asynchronous: bool = False):
    """A function, or a coroutine function, that raises this kind."""

    def act(*_, **__):
        raise nasty()[kind]

    async def act_later(*_, **__):
        await asyncio.sleep(0)
        raise nasty()[kind]

    return act_later if asynchronous else act


def check_line(line: str | None, kind: str) -> None:
    """One bounded, printable line that names the class and where it was raised."""
    assert line and len(line) <= 700 and line.isprintable(), line
    line.encode()
    if kind == "ours with theirs inside":
        assert "InfrarayError" in line
    else:
        name = type.__dict__["__name__"].__get__(type(nasty()[kind]))
        assert name.encode("unicode_escape", "surrogatepass").decode() in line
    assert f"{Path(__file__).name}:" in line


def episode(conversational: bool = False) -> EpisodeSpec:
    agent = "scripted:patient" if conversational else "scripted:guesser"
    parameters = {"scored_lamps": 3}
    options = Lamp(**parameters).options()
    return EpisodeSpec(Entry("test/Troubled-v0", parameters, options, 1, agent, {}, "troubled", conversational), 7, 0)


def play(conversational: bool) -> Trajectory:
    player = EpisodePlayer(60)
    spec = episode(conversational)
    return asyncio.run(player.converse(spec)) if conversational else player.play(spec)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("blocking", [None, False, True])
def test_whatever_a_scenario_raises_fails_its_episode_alone(
    kind: str, blocking: bool | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Played in a worker of its own (None), in an event loop, and in a thread beside one."""
    monkeypatch.setattr(Lamp, "blocking", bool(blocking), raising=False)
    for method in PLAYED:
        with monkeypatch.context() as changed:
            changed.setattr(TroubledLamp, method, raising(kind), raising=False)
            if method == "default_action":
                changed.setattr(TroubledLamp, "check_action", raise_invalid)
            failed = play(conversational=blocking is not None)
        assert failed.measures is None, method
        check_line(failed.failure, kind)
        assert failed.attempts == 1
    assert play(conversational=blocking is not None).measures is not None


def raise_invalid(*_):
    raise infraray.InvalidAction("no")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", ["__init__", "reset", "act", "release"])
def test_whatever_an_agent_raises_fails_its_episode_alone(
    kind: str, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for agent, conversational in ((Guesser, False), (PatientGuesser, True)):
        if method == "release" and not conversational:
            continue
        with monkeypatch.context() as changed:
            later = inspect.iscoroutinefunction(getattr(agent, method))
            changed.setattr(agent, method, raising(kind, later), raising=False)
            failed = play(conversational)
        assert failed.measures is None
        # Of options that were refused the class says nothing.
        if method != "__init__" or not issubclass(type(nasty()[kind]), TypeError | ValueError):
            check_line(failed.failure, kind)
        assert len(failed.steps) == (3 if method == "release" else 0)


@pytest.mark.parametrize("kind", KINDS)
def test_a_scenario_that_does_not_close_costs_nothing(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TroubledLamp, "close", raising(kind))
    monkeypatch.setattr(TroubledLamp, "words", raising("panic"))
    check_line(play(False).failure, "panic")
    monkeypatch.undo()
    monkeypatch.setattr(TroubledLamp, "close", raising(kind))
    player = EpisodePlayer(60)
    assert player.play(episode()).measures is not None
    player.close()


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_a_plan_meets_is_one_line(kind: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked = RunSpec.parse({"name": "x", "scenarios": ["troubled"], "agents": ["scripted:guesser"]})
    places = [(TroubledLamp, method) for method in DESCRIBED] + [(Guesser, "__init__")]
    for owner, method in places:
        with monkeypatch.context() as changed:
            changed.setattr(owner, method, raising(kind))
            with pytest.raises(infraray.InfrarayError) as caught:
                make_plan(asked)
        line = str(caught.value)
        assert ("scenario troubled: " in line) if owner is TroubledLamp else line.startswith("agents.0: "), line
        # Python's own words for wrong options are ours already, and say no class.
        if owner is TroubledLamp or not issubclass(
            type(nasty()[kind]), TypeError | ValueError | infraray.InfrarayError
        ):
            check_line(line, kind)
    assert make_plan(asked).total == 10


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_a_file_raises_is_one_line_that_names_the_file(kind: str, tmp_path: Path) -> None:
    mine = tmp_path / "mine.py"
    mine.write_text(f"from tests.core.nasty import nasty\n\n\nraise nasty()[{kind!r}]\n")
    with pytest.raises(infraray.InfrarayError) as caught:
        load_agent(f"python:{mine}:Mine", "troubled")
    line = str(caught.value)
    assert line.startswith(f"{mine}: its import fails: ") and line.isprintable() and len(line) < 1000
    if kind != "syntax":
        assert line.endswith("mine.py:4)")


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_a_record_raises_costs_its_episode_alone(kind: str) -> None:
    class Unsayable:
        __repr__ = raising(kind)

    good = play(False)
    bad = play(False)
    bad.steps[0].info["action"] = Unsayable()
    (kept, lost), _ = pack("x", [good, bad])
    assert kept is good
    assert lost.measures is None and lost.failure.startswith("its record cannot be written: ")
    check_line(lost.failure, kind)


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_an_objective_raises_fails_its_trial_alone(kind: str) -> None:
    class Troubled(Objective):
        __init__ = object.__init__
        identity = spell = entry = raising(kind)
        play = prepare = warm_up = raising(kind)

    for order in (Order(piece="clay"), Order(), Order(episodes=(episode(),))):
        done = carry_out(Troubled(), order, list)
        assert not done.results
        done.failure.encode()
        check_line(done.failure, kind)


def test_files_are_read_in_the_encoding_that_they_declare(tmp_path: Path) -> None:
    for encoding in ("latin-1", "utf-8", "utf-8-sig", "cp1252", "iso-8859-15", "shift_jis", "koi8-r"):
        word = {"shift_jis": "日本", "koi8-r": "мир"}.get(encoding, "café")
        source = f"WORD = {word!r}\ndef act(observation):\n    return len(WORD)\n"
        if encoding != "utf-8-sig":
            source = f"# -*- coding: {encoding} -*-\n{source}"
        mine = tmp_path / f"{encoding.replace('-', '_')}.py"
        mine.write_bytes(source.encode(encoding))
        plan = make_plan(
            RunSpec.parse({"name": "x", "scenarios": ["load_balance"], "agents": [f"python:{mine}:act"], "seeds": 1})
        )
        assert load_file(str(mine)).WORD == word
        content = plan.sources[str(mine)]
        del infraray.user_file._files[str(mine)]
        assert load_file(str(mine), content).WORD == word, "as a worker that has not the file reads it"


@pytest.mark.parametrize(
    "content", [b"\xff\xfe\x00", b"# -*- coding: no-such -*-\n", b"x = '\xe9'\n", b"x = 1\0\n", b"def"]
)
def test_files_that_are_no_python_are_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "mine.py").write_bytes(content)
    with pytest.raises(infraray.InfrarayError, match=r"mine\.py: its import fails: (SyntaxError|ValueError): "):
        load_file(str(tmp_path / "mine.py"))


def test_a_signal_passes_through_a_users_code(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("from infraray.stopping import Stopped\nraise Stopped(15)\n")
    with pytest.raises(Stopped):
        load_file(str(tmp_path / "mine.py"))


def test_ctrl_c_passes_through_a_users_code_where_no_command_takes_it(tmp_path: Path) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    (tmp_path / "mine.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nwhile True: pass\n")
    with pytest.raises(KeyboardInterrupt):
        load_file(str(tmp_path / "mine.py"))


def test_a_cancelled_episode_is_cancelled() -> None:
    async def main() -> None:
        task = asyncio.ensure_future(EpisodePlayer(60).converse(episode(True)))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())


def test_children_that_a_users_file_forks_end_as_ever() -> None:
    with guarded("mine.py"):
        child = os.fork()
        if child == 0:
            os._exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


def test_a_place_is_the_innermost_line_of_the_users() -> None:
    try:
        math.sqrt("2")
    except TypeError as error:
        line = inspect.currentframe().f_lineno - 2
        assert describe_failure(error).endswith(f"(tests/core/test_user_code.py:{line})")


@pytest.mark.parametrize("leaves", ["import sys; sys.exit()", "import os; os._exit(0)", "raise SystemExit", "exit(0)"])
@pytest.mark.parametrize("command", ["run", "search"])
def test_a_file_that_leaves_ends_the_command_with_an_error(tmp_path: Path, leaves: str, command: str) -> None:
    (tmp_path / "mine.py").write_text(f"# mine\n{leaves}\n")
    arguments = [command, "--import", "mine.py", "-s", "load_balance", "-a", "scripted:power_of_two", "--seeds", "2"]
    done = subprocess.run(
        [sys.executable, "-m", "infraray", *arguments], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: command line: imports.0: mine.py: its import fails: SystemExit")
    assert done.stderr.endswith("(mine.py:2)\n") and done.stderr.count("\n") == 1
