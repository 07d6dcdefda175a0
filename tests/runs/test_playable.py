"""What cannot be played, or would score nothing, is refused before the start, and doctor says the same."""

import sys
from pathlib import Path
from typing import Any

import pytest

import infraray
from infraray.doctor import scenario_findings
from infraray.engines.requirements import _not_importable
from infraray.episodes import EpisodePlayer
from infraray.errors import InfrarayError
from infraray.registration import registrations
from infraray.runs.planning import make_plan
from infraray.runs.run_file import RunSpec
from infraray.scenarios.inference.environment import Inference
from infraray.scenarios.inference.requirements import missing_for
from infraray.scenarios.routing.environment import Routing

WARMUPS = [("load_balance", "warmup_steps"), ("abr", "warmup_steps"), ("caching", "warmup_requests")]


def plan(scenario: str, agent: str = "scripted:random", here: bool = False, **section):
    asked = {"name": "x", "seeds": 2, "scenarios": [{"scenario": scenario, **section}], "agents": [agent]}
    return make_plan(RunSpec.parse(asked), here)


@pytest.mark.parametrize(("scenario", "warmup"), WARMUPS)
@pytest.mark.parametrize("length", [1, 7, 50, 333])
def test_a_limit_within_the_warm_up_is_refused_and_one_beyond_it_scores(scenario, warmup, length):
    parameters = {warmup: length}
    for limit in {1, length // 2 or 1, length}:
        with pytest.raises(InfrarayError) as refused:
            plan(scenario, parameters=parameters, max_episode_steps=limit)
        said = str(refused.value)
        assert "\n" not in said and f"max_episode_steps={limit}: " in said and f"{warmup}={length}" in said
        assert f"give at least {length + 1}" in said
    if scenario == "caching":
        # A step of one request, as with a cache that is never full, is the longest way.
        parameters["max_hits_per_step"] = 1
        parameters["capacity_bytes"] = 2**50
    accepted = plan(scenario, parameters=parameters, max_episode_steps=length + 1)
    for spec in accepted.episodes():
        measures = EpisodePlayer(60).play(spec).measures
        assert measures is not None and measures.score == measures.score


def test_outside_of_runs_an_environment_may_be_shorter_than_its_warm_up():
    assert infraray.make("caching", max_episode_steps=1).max_episode_steps == 1


@pytest.mark.parametrize("name", [found.name for found in registrations() if found.id.startswith("infraray/")])
def test_doctor_and_run_agree(name, monkeypatch):
    finding = scenario_findings()[name]
    if finding.ok:
        assert plan(name, here=True).total == 2
    else:
        with pytest.raises(InfrarayError) as refused:
            plan(name, here=True)
        assert finding.fix in str(refused.value)


def test_doctor_and_run_say_what_a_machine_lacks_and_a_cluster_elsewhere_may_have_it(monkeypatch):
    monkeypatch.setattr(Routing, "problem", lambda: "apt-get install mininet (not installed)")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    assert scenario_findings()["routing"].fix == "apt-get install mininet (not installed)"
    with pytest.raises(InfrarayError, match=r"scenarios\.0: routing: apt-get install mininet"):
        plan("routing")
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    assert plan("routing").total == 2


def test_inference_says_which_of_its_requirements_is_missing(tmp_path: Path):
    def missing(**parameters) -> str | None:
        return missing_for(Inference(**parameters).parameters)

    assert f"model='{tmp_path}/none': no such folder" in missing(model=f"{tmp_path}/none")
    python = {"all": str(tmp_path / "python")}
    assert "cannot be run" in missing(model=str(tmp_path), python=python)
    (tmp_path / "python").write_text("#!/bin/sh\necho vllm\n")
    (tmp_path / "python").chmod(0o755)
    said = missing(model=str(tmp_path), python=python)
    assert "vllm not installed for" in said and "python: {vllm: PATH}" in said and "\n" not in said
    (tmp_path / "python").write_text("#!/bin/sh\n")
    _not_importable.cache_clear()
    assert missing(model=str(tmp_path), python=python) is None


def test_a_run_is_refused_before_ray_is_started(tmp_path: Path):
    scenario = {"scenario": "inference", "parameters": {"model": str(tmp_path / "none")}}
    with pytest.raises(InfrarayError, match=r"inference: model='.*none': no such folder"):
        infraray.run({"name": "x", "scenarios": [scenario], "agents": ["scripted:defaults"]}, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_key_is_asked_for_where_the_server_needs_one(monkeypatch):
    for name in ("OPENAI_API_KEY", "OTHER_KEY"):
        monkeypatch.delenv(name, raising=False)
    local, theirs = "chat:m@http://localhost:8000/v1", "chat:m@https://api.openai.com/v1"
    assert plan("abr", local).total == 2
    for agent, name in ((theirs, "OPENAI_API_KEY"), (f"{theirs}?api_key_env=OTHER_KEY", "OTHER_KEY")):
        with pytest.raises(InfrarayError, match=f"{name} is not set; export the server's key under this name"):
            plan("abr", agent)
        monkeypatch.setenv(name, "k")
        assert plan("abr", agent).total == 2


@pytest.fixture
def bare_python(tmp_path: Path) -> str:
    """An interpreter that has no engine."""
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -I -S "$@"\n')
    python.chmod(0o755)
    return str(python)


def engines_run(python: str, **engine: Any) -> RunSpec:
    engines = {"small": {"engine": "transformers", "model": "m", "python": python, **engine}}
    agents = ["scripted:random", "engine:small?strategy=zero_shot"]
    asked = {"name": "x", "engines": engines, "agents": agents, "scenarios": ["load_balance", "abr"]}
    return RunSpec.parse(asked)


def test_an_engine_that_this_machine_lacks_is_refused_before_the_start(bare_python: str) -> None:
    with pytest.raises(InfrarayError) as refused:
        make_plan(engines_run(bare_python), here=True)
    said = str(refused.value)
    assert "torch and transformers not installed" in said and "pip install 'infraray[transformers]'" in said
    assert "\n" not in said
    assert len(make_plan(engines_run(bare_python), here=False).engines) == 1  # another cluster may have it


def test_agents_of_an_optional_engine_are_left_out_where_it_is_lacking(bare_python: str) -> None:
    plan = make_plan(engines_run(bare_python, optional=True), here=True)
    assert [entry.agent for lineup in plan.lineups for entry in lineup.entries] == ["scripted:random"] * 2
    assert not plan.engines
    for line, scenario in zip(plan.left_out, ("load_balance", "abr"), strict=True):
        assert line.startswith(f"engine:small?strategy=zero_shot is left out of {scenario}: torch and transformers not")


def test_agents_of_an_optional_engine_play_where_it_is(bare_python: str) -> None:
    plan = make_plan(engines_run(bare_python, optional=True, command="{python} server --port {port}"), here=True)
    assert len(plan.lineups[0].entries) == 2 and plan.left_out == ()
