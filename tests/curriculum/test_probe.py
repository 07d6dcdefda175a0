"""Probes on real Ray: what they find, kill -9, their folder, and the command line."""

import collections
import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import ray
import yaml

from infraray.curriculum.emphasis import Emphasis
from infraray.curriculum.probe import probe
from infraray.curriculum.probe_file import ProbeSpec
from infraray.curriculum.probe_plan import ProbeMaker
from infraray.curriculum.probing import judge
from infraray.curriculum.report import probe_report, write_probe_report
from infraray.errors import InfrarayError
from infraray.launch import run
from infraray.registration import find
from infraray.reports import write_report
from infraray.training.dataset import HELD_OUT, TRAIN, TrainingSet
from infraray.trajectories.exporters.export import export
from infraray.trajectories.journal import read_journal
from infraray.trajectories.reader import Run
from tests.actors.watching import content, wait_for

LAMPS = str(Path(__file__).with_name("lamps.py"))


def asked(**changes):
    return {
        "name": "lamps",
        "probe": "lamps",
        "imports": [LAMPS],
        "knobs": {"length": "1:100", "colour": ["red", "green"]},
        "agents": ["scripted:clumsy"],
        "episodes": 200,
        **changes,
    }


@pytest.fixture(scope="module")
def undisturbed(ray_session: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed") / "run"
    assert probe(asked(agents=["scripted:clumsy", "scripted:able"]), folder, quiet=True).stopped == ()
    return folder


def test_the_planted_region_is_told_and_the_able_agent_has_none(undisturbed):
    clumsy, able = probe_report(undisturbed).agents
    breaking = [one.region for one in clumsy.verdict.regions if one.breaks]
    assert breaking
    features = {condition.feature for region in breaking for condition in region.conditions}
    assert {"kind", "length", "level"} >= features >= {"kind", "length"}
    assert all(not region.holds({"kind": "fuse", "length": 90, "level": 2, "colour": "red"}) for region in breaking)
    assert able.verdict.regions == () and able.verdict.overall.value == 0.0


def test_agents_meet_the_same_tasks_in_the_survey(undisturbed):
    drawn = [event for event in read_journal(undisturbed / "rounds.jsonl") if "agent" in event]
    first = {event["agent"]: event["rounds"] for event in reversed(drawn)}
    assert first["scripted:clumsy"][0]["phase"] == "survey"
    assert first["scripted:clumsy"] == first["scripted:able"]


def test_a_finished_probe_plays_and_writes_nothing_again(undisturbed):
    before = (undisturbed / "rounds.jsonl").read_bytes(), sorted((undisturbed / "episodes").iterdir())
    probe(asked(agents=["scripted:clumsy", "scripted:able"]), undisturbed, quiet=True)
    assert ((undisturbed / "rounds.jsonl").read_bytes(), sorted((undisturbed / "episodes").iterdir())) == before


def test_a_killed_probe_draws_and_plays_what_an_undisturbed_one_does(ray_session, tmp_path, undisturbed):
    (tmp_path / "probe.yaml").write_text(yaml.safe_dump(asked(agents=["scripted:clumsy", "scripted:able"])))
    environment = {**os.environ, "RAY_ADDRESS": ray.get_runtime_context().gcs_address}
    folder, journal = tmp_path / "run", tmp_path / "run" / "rounds.jsonl"
    command = [sys.executable, "-m", "infraray", "probe", str(tmp_path / "probe.yaml"), "--out", str(folder), "-q"]
    driver = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: journal.exists() and len(journal.read_bytes().splitlines()) > 6)
    driver.kill()
    driver.communicate()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert read_journal(folder / "rounds.jsonl") == read_journal(undisturbed / "rounds.jsonl")
    for found, expected in zip(content(folder), content(undisturbed), strict=True):
        assert found.equals(expected)
    ids = collections.Counter(Run(folder).episodes()["episode_id"].to_pylist())
    assert set(ids.values()) == {1}
    assert [line.split() for line in done.stdout.splitlines() if line.startswith("scripted:able")] == [
        ["scripted:able", "all", "tasks", "0.0", "%", *f"[0.0 %, {_high(undisturbed)}]".split(), "50"]
    ]


def _high(folder: Path) -> str:
    verdict = probe_report(folder).agents[1].verdict
    assert verdict is not None
    return f"{100 * verdict.overall.high:.1f} %"


def test_report_and_export_read_the_folder(undisturbed):
    report = write_probe_report(undisturbed)
    assert report.is_complete and report.warnings == ()
    rows = list(csv.DictReader((undisturbed / "report" / "regions.csv").read_text().splitlines()))
    assert [row["region"] for row in rows if row["agent"] == "scripted:able"] == ["all tasks"]
    assert {row["breaks"] for row in rows} >= {"", "true"}
    page = (undisturbed / "report" / "index.html").read_text()
    assert "Where agents fail" in page and "kind = wire" in page
    assert str(Run(undisturbed).episodes().num_rows) in export(undisturbed, "chat", quiet=True)
    with pytest.raises(InfrarayError, match="holds a probe, and a run needs a folder of its own"):
        run({"name": "lamps", "scenarios": ["lamps"], "agents": ["scripted:able"]}, undisturbed)


def test_failed_episodes_are_failed_tasks(ray_session, tmp_path):
    probe(asked(agents=["scripted:raising"], knobs={}, level=1, limits={"retries": 0}), tmp_path / "run", quiet=True)
    (agent,) = probe_report(tmp_path / "run").agents
    assert [str(one.region) for one in agent.verdict.regions if one.breaks] == ["kind = fuse"]
    assert agent.verdict.regions[0].loss.value == 1.0


def test_another_probe_in_the_folder_is_refused(undisturbed):
    with pytest.raises(InfrarayError, match=r"holds a probe with seed: 0, not 1; choose another --out"):
        probe(asked(seed=1, agents=["scripted:clumsy"]), undisturbed)


def test_a_further_agent_is_probed_in_the_same_folder(ray_session, tmp_path):
    folder = tmp_path / "run"
    for agents in (["scripted:able"], ["scripted:able", "scripted:random"]):
        probe(asked(agents=agents, episodes=80), folder, quiet=True)
    assert [agent.agent for agent in probe_report(folder).agents] == ["scripted:able", "scripted:random"]
    assert probe_report(folder).is_complete


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ("sampler: bandid", "3: sampler: unknown sampler 'bandid'; did you mean bandit?"),
        ("knobs: {utilization: '0.5:0.9'}", "3: knobs: utilization: is no parameter of load_balance; did you mean"),
        ("knobs: {utilisation: '0.5'}", "3: knobs: utilisation='0.5': must be a range such as '2:16'"),
        ("knobs: {utilisation: '0.9:0.5'}", "3: knobs: utilisation: low=0.9, high=0.5: must be"),
        ("knobs: {num_servers: '1.5:3'}", "3: knobs: num_servers='1.5:3': takes whole numbers only"),
        ("knobs: {num_servers: '-3:4'}", "3: knobs: load_balance: num_servers=-3: must be"),
        ("knobs: {arrivals: [poisson, busty]}", "3: knobs: load_balance: arrivals='busty': must be"),
        ("knobs: {arrivals: [poisson]}", "3: knobs: arrivals: choices=('poisson',): must be a list of at least two"),
        ("knobs: {level: [1, 2]}", "3: knobs: level=[1, 2]: must be of 1"),
        ("knobs: {}", "3: knobs: nothing to vary: load_balance has one level"),
        ("episodes: 20", "3: episodes=20: must be"),
        ("probes: x", "3: probes: no such field"),
        ("parameters: {num_servers: 0}", "3: parameters.num_servers: load_balance: num_servers=0: must be"),
        ("agents: [scripted:nobody]", "3: agents.0: unknown agent scripted:nobody"),
    ],
)
def test_mistake_in_the_file_is_one_line_with_its_line(change, line, tmp_path):
    given = {"agents": "agents: [scripted:random]", "knobs": "knobs: {utilisation: '0.5:0.9'}"}
    rest = "\n".join(text for name, text in given.items() if not change.startswith(name))
    (tmp_path / "p.yaml").write_text(f"probe: load_balance\nname: p\n{change}\n{rest}\n")
    with pytest.raises(InfrarayError) as caught:
        ProbeMaker(ProbeSpec.load(tmp_path / "p.yaml"), here=True)
    assert len(str(caught.value).splitlines()) == 1
    assert str(caught.value).startswith(f"{tmp_path}/p.yaml:{line}")


def test_an_old_runs_failures_guide_the_search_and_are_part_of_no_interval(undisturbed):
    """A survey without a failure, beside a run that failed for long wires."""

    def search(**changes):
        maker = ProbeMaker(ProbeSpec.parse(asked(seed=1, **changes)), here=True)
        probing = maker.probing("scripted:clumsy")
        survey = probing.next_rounds([], [])
        outcomes = [[0.0] * len(survey[0].tasks)]
        (found,) = probing.next_rounds(survey, outcomes)
        failed = sum(task.features["kind"] == "wire" and task.features["length"] >= 60 for task in found.tasks)
        return probing, survey, outcomes, failed / len(found.tasks)

    probing, survey, outcomes, share = search(start=str(undisturbed))
    played = [row for row in Run(undisturbed).episodes().to_pylist() if row["agent"] == "scripted:clumsy"]
    assert len(probing.before) == len(played)
    assert sum(one.loss for one in probing.before) == sum(1 - row["normalized_score"] for row in played) > 0
    assert all(one.features.keys() == {"kind", "length", "colour", "level"} for one in probing.before)
    _, alone, _, by_chance = search()
    assert alone == survey and share > 2 * by_chance
    assert judge(survey, outcomes).overall.value == 0.0


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"start": "nowhere"}, "holds no run"),
        ({"parameters": {"wait_s": 0.5}}, "has no episode of scripted:clumsy that this probe could have played"),
        ({"knobs": {"length": "200:300"}}, "length"),
        ({"knobs": {"colour": ["blue", "white"]}}, "has no episode"),
        ({"agents": ["scripted:random"]}, "has no episode of scripted:random"),
    ],
)
def test_a_start_that_says_nothing_is_refused_in_one_line(undisturbed, changes, line):
    with pytest.raises(InfrarayError, match=line) as caught:
        ProbeMaker(ProbeSpec.parse(asked(**{"start": str(undisturbed), **changes})), here=True)
    assert len(str(caught.value).splitlines()) == 1


def test_knobs_without_effect_are_not_part_of_a_task():
    spec = {"probe": "load_balance", "name": "p", "agents": ["scripted:random"]}
    maker = ProbeMaker(
        ProbeSpec.parse({**spec, "knobs": {"arrivals": ["poisson", "bursty"], "burst_factor": "2:10"}}), here=True
    )
    (survey,) = maker.probing("scripted:random").next_rounds([], [])
    for task in survey.tasks:
        assert ("burst_factor" in task.setting) == (task.setting["arrivals"] == "bursty")
        assert maker.entry("scripted:random", task)[0].parameters.arrivals == task.setting["arrivals"]


def test_command_line_says_a_mistake_without_a_traceback(tmp_path):
    command = [sys.executable, "-m", "infraray", "probe", "--scenario", "load_balance", "--agent", "scripted:random"]
    done = subprocess.run([*command, "--knob", "utilisation"], capture_output=True, text=True, cwd=tmp_path, timeout=60)
    assert (done.returncode, done.stderr) == (
        2,
        "error: --knob utilisation: must be NAME=LOW:HIGH or NAME=VALUE,VALUE\n",
    )


def test_probe_given_to_another_command_is_named(tmp_path):
    (tmp_path / "p.yaml").write_text(json.dumps(asked()))
    with pytest.raises(InfrarayError, match=r"is a probe .*; use 'infraray probe"):
        run(tmp_path / "p.yaml")


def test_report_of_a_folder_without_a_probe_is_one_line(tmp_path):
    with pytest.raises(InfrarayError, match="holds no probe"):
        probe_report(tmp_path)
    with pytest.raises(InfrarayError, match="holds no run"):
        write_report(tmp_path)


def training_set(**curriculum):
    described = {
        "scenarios": [
            {"scenario": "lamps", "levels": [1, 2]},
            {"scenario": "load_balance", "parameters": {"warmup_steps": 5}},
        ],
        "seeds": "0:150",
        "held_out": "1000:1010",
        "curriculum": curriculum,
    }
    return TrainingSet.parse(described)


def test_a_share_of_the_training_tasks_comes_from_the_breaking_regions(undisturbed):
    described = training_set(probe=str(undisturbed), agent="scripted:clumsy", share=0.5)
    described.check()
    tasks = [task for label, task in described.tasks(TRAIN)]
    lamps = [task for task in tasks if task.scenario == "tests/Lamps-v0"]
    assert (len(tasks), len(lamps)) == (450, 300)
    assert {task.seed for task in tasks} <= set(range(150))
    regions = Emphasis(undisturbed, "scripted:clumsy").regions
    registration = find("lamps")
    inside = 0
    for task in lamps:
        traits = registration.traits_of(None, task.level, task.seed)
        features = {**task.parameters, "level": task.level, **traits}
        inside += any(region.holds(features) for region in regions)
    assert 100 < inside < 200
    assert tasks == [task for _, task in described.tasks(TRAIN)]
    held_out = training_set(probe=str(undisturbed), agent="scripted:clumsy").tasks(HELD_OUT)
    assert {task.parameters.get("length", 10) for _, task in held_out} == {10}


@pytest.mark.parametrize(
    ("curriculum", "line"),
    [
        ({}, "has several agents; name one of scripted:clumsy, scripted:able"),
        ({"agent": "scripted:clumsi"}, "agent='scripted:clumsi': was not probed in"),
        ({"agent": "scripted:able"}, "no region breaks scripted:able; train without emphasis"),
    ],
)
def test_curriculum_without_a_region_is_refused(undisturbed, curriculum, line):
    with pytest.raises(InfrarayError, match=r"^curriculum: ") as caught:
        training_set(probe=str(undisturbed), **curriculum).check()
    assert line in str(caught.value)
