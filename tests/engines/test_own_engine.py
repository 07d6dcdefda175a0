"""A kind of engine is one file of a user's: agents play on it, and it is tuned, as those that are built in."""

import os
from pathlib import Path
from typing import Any

import pytest

from infraray import run
from infraray.engines import EngineSpec, find_engine, launch_spaces, read_engine_spec, register_engine
from infraray.engines.kind import EngineKind
from infraray.errors import InfrarayError, UnknownName
from infraray.runs.planning import make_plan
from infraray.runs.run_file import RunSpec
from infraray.scenarios.inference.bench import Bench
from infraray.scenarios.inference.parameters import InferenceParameters
from infraray.trajectories.reader import Run
from infraray.user_file import load_file
from tests.scenarios.inference.conftest import parameters  # noqa: F401 (a bench for servers of a few lines)

TOY = str(Path(__file__).parent / "own" / "toy_engine.py")
LOAD_BALANCE = {"scenario": "load_balance", "max_episode_steps": 6, "parameters": {"warmup_steps": 0}}


def asked(**fields: Any) -> dict[str, Any]:
    return {"name": "own", "scenarios": [LOAD_BALANCE], "agents": ["engine:toy:m"], "seeds": 2, **fields}


@pytest.mark.usefixtures("ray_session")
def test_an_agent_plays_on_an_engine_that_a_users_file_brings(tmp_path: Path) -> None:
    summary = run(asked(imports=[os.path.relpath(TOY)]), tmp_path / "run", quiet=True)
    assert (summary.finished, summary.failed) == (2, 0), summary.failures
    steps = Run(tmp_path / "run").steps().select(["action_said", "valid"]).to_pylist()
    assert [(step["action_said"], step["valid"]) for step in steps] == [("0", True)] * 12


def test_an_engine_that_a_users_file_brings_is_tuned(parameters: InferenceParameters) -> None:  # noqa: F811
    load_file(TOY)
    given = {**parameters.model_dump(), "engines": ["toy", "sglang"]}
    setting = InferenceParameters.parse("inference", given).setting()
    assert {"toy.word", "engine"} < set(setting.space.by_name)
    bench = Bench(InferenceParameters.parse("inference", {**given, "engines": ["toy"]}).setting())
    try:
        for word in ("one", "two"):
            trial = bench.evaluate({"word": word}, 13)
            assert trial.failure is None and trial.measurement is not None and trial.score > 0
        assert bench.setting.command_line({"word": "two"}) == "toy --word two"
        with pytest.raises(InfrarayError, match="unknown: the installed toy has no such flag"):
            bench.setting.flags["toy"] = {"unknown": 3}  # type: ignore[index]
            bench.check({"word": "one"})
    finally:
        bench.close()


def test_an_engine_that_nobody_brings_is_told_with_its_place() -> None:
    with pytest.raises(UnknownName, match=r"unknown engine 'elevator'; known are"):
        find_engine("elevator")
    with pytest.raises(InfrarayError, match=r"agents\.0: engine: unknown engine 'toy'"):
        make_plan(RunSpec.parse(asked()))
    with pytest.raises(InfrarayError, match=r"engines\.mine: unknown engine 'vlm'; did you mean vllm\?"):
        make_plan(RunSpec.parse(asked(engines={"mine": {"engine": "vlm", "model": "m"}}, agents=["scripted:random"])))


class Program(EngineKind):
    """Stands for a user's engine, and for the same after an edit."""

    command = ("serve", "--weights", "{model}", "--listen", "{port}")
    context_flags = ("longest",)
    gpu_flags = (("shards",),)
    name_flag = "alias"


def test_what_an_engine_says_of_its_flags_holds_everywhere() -> None:
    register_engine("program", Program)
    spec = read_engine_spec({"engine": "program", "model": "m", "flags": {"alias": "a", "longest": "512", "on": False}})
    assert spec.served_model == "a"
    assert spec.kind.context_tokens(spec.flags) == 512
    assert spec.kind.flag_words(spec.flags) == ["--alias", "a", "--longest", "512"]
    for flag in ("--weights", "listen"):
        with pytest.raises(InfrarayError, match=f"engine: flags.{flag}='x': is set by infraray"):
            read_engine_spec({"engine": "program", "model": "m", "flags": {flag: "x"}})
    assert "program" not in launch_spaces()


def test_an_engine_whose_code_is_not_there_costs_no_other() -> None:
    register_engine("absent", "a_module_that_nobody_has:Absent")
    assert {"vllm", "sglang-paper", "tgi-paper"} <= set(launch_spaces())
    with pytest.raises(InfrarayError, match=r"^engine absent: ModuleNotFoundError: No module named"):
        find_engine("absent")


def test_an_engine_with_other_code_is_another_engine() -> None:
    load_file(TOY)
    assert find_engine("toy").name == "toy"
    toy = EngineSpec(engine="toy", model="m").identity
    assert toy["code"] != EngineSpec(engine="vllm", model="m").identity["code"]
