"""Searches on real Ray Tune: actors, deadlines, deaths, kill -9, and the command line."""

import collections
import dataclasses
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
import ray
import yaml

from infraray.errors import InfrarayError
from infraray.testing.search_problems import bowl
from infraray.trajectories.journal import Journal, read_journal
from infraray.trajectories.reader import Run
from infraray.tune.report import study_report
from infraray.tune.search import search
from infraray.tune.searchers.random import RandomSearch
from infraray.user_file import load_file

BOWLS = str(Path(__file__).with_name("bowls.py"))


def study(**changes):
    made = {
        "name": "bowls",
        "scenario": "bowls",
        "imports": [BOWLS],
        "searcher": "random",
        "budget": {"trials": 6},
        "seeds": 3,
        "evaluation_seeds": "100:104",
        "resources": {"cpus": 1},
    }
    return {**made, **changes}


def finished(folder: Path):
    return [event for event in read_journal(folder / "trials.jsonl") if event["kind"] == "finished"]


def measured(log: Path):
    """(process id, what was done) of every line that the objectives wrote."""
    return [tuple(line.split(" ", 1)) for line in log.read_text().splitlines()]


def test_search_measures_in_as_many_actors_as_fit_and_keeps_them(ray_session, tmp_path):
    parameters = {"log": str(tmp_path / "log"), "trial_s": 0.2, "actors": 2}
    summary = search(study(searcher="tpe", budget={"trials": 10}, parameters=parameters), tmp_path / "run", quiet=True)
    assert (summary.trials, summary.failed) == (10, 0)
    lines = measured(tmp_path / "log")
    # Two CPUs: two actors, each with its objective from the first trial to the last, closed once.
    actors = {pid for pid, _ in lines}
    assert len(actors) == 2
    assert sorted(pid for pid, what in lines if what == "close") == sorted(actors)
    assert len([what for _, what in lines if what.startswith("measure")]) == 10 * 3
    spans = [(event["began_s"], event["ended_s"]) for event in finished(tmp_path / "run")]
    assert any(one[0] < other[0] < one[1] for one in spans for other in spans), "never two at a time"


def test_the_best_is_confirmed_beside_the_defaults_and_the_agents(ray_session, tmp_path):
    spec = study(budget={"trials": 8}, against=["scripted:potter"])
    summary = search(spec, tmp_path / "run", quiet=True)
    events = read_journal(tmp_path / "run" / "trials.jsonl")
    best = min(study_report(tmp_path / "run").scored, key=lambda row: row.score)
    asked = {event["trial"]: event for event in events if event["kind"] == "asked"}
    assert summary.best == asked[best.number]["label"]
    # The score that counts is the one on the evaluation seeds.
    configuration = asked[best.number]["configuration"]
    assert summary.score == pytest.approx(bowl(configuration) + 0.001 * (100 + 101 + 102 + 103) / 4)
    assert {event["label"] for event in events if event["kind"] == "confirming"} == {
        "x=4.0 y=500.0 glaze=plain",
        summary.best,
        "scripted:potter",
    }


def test_parallel_bounds_the_trials_at_a_time(ray_session, tmp_path):
    parameters = {"log": str(tmp_path / "log"), "trial_s": 0.1}
    search(study(parallel=1, parameters=parameters), tmp_path / "run", quiet=True)
    assert len({pid for pid, _ in measured(tmp_path / "log")}) == 1


def test_relative_paths_lead_from_the_commands_folder_in_every_trial(ray_session, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "clay.txt").touch()
    summary = search(study(parallel=1, parameters={"clay": "clay.txt"}), "run", quiet=True)
    assert (summary.trials, summary.failed) == (6, 0) and summary.best is not None


def test_successive_halving_measures_each_budget_as_a_trial_of_its_own(ray_session, tmp_path):
    parameters = {"log": str(tmp_path / "log")}
    summary = search(study(searcher="bohb", budget={"trials": 5}, parameters=parameters), tmp_path / "run", quiet=True)
    asked = [event for event in read_journal(tmp_path / "run" / "trials.jsonl") if event["kind"] == "asked"]
    assert collections.Counter(event["budget"] for event in asked)[1] >= 9
    assert len(finished(tmp_path / "run")) == summary.trials == len({event["trial"] for event in asked})


@pytest.mark.parametrize("kind", ["raises", "dies"])
def test_failed_trial_is_kept_with_its_class_and_the_search_goes_on(kind, ray_session, tmp_path):
    parameters = {"cracked": kind, "log": str(tmp_path / "log")}
    summary = search(study(budget={"trials": 8}, parameters=parameters), tmp_path / "run", quiet=True)
    failures = [row.evaluation for row in study_report(tmp_path / "run").failed]
    assert summary.trials == 8 and 0 < summary.failed == len(failures) < 8
    expected = {"raises": ("MemoryError", "no more clay"), "dies": ("process died", "died")}[kind]
    for failure in failures:
        assert failure.failure == expected[0] and expected[1] in failure.reason
        assert failure.score is None
    assert summary.best is not None and "cracked" not in summary.best


@pytest.mark.alone
@pytest.mark.parametrize("kind", ["sleeps", "spins"])
def test_time_budget_is_obeyed_to_the_second(kind, ray_session, tmp_path):
    parameters = {"cracked": kind, "trial_s": 0.1, "log": str(tmp_path / "log")}
    spec = study(budget={"seconds": 3}, parallel=1, parameters=parameters)
    search(spec, tmp_path / "run", quiet=True)
    *others, cut = finished(tmp_path / "run")
    # A second later where the trial cannot be interrupted, and what Ray takes to notice.
    assert cut["cut_off"]
    assert 3.0 <= cut["ended_s"] < (4.0 if kind == "sleeps" else 5.5)
    assert all(event["ended_s"] < 3.0 and not event["cut_off"] for event in others)


def test_trials_that_were_cut_off_are_measured_first_when_there_is_more_time(ray_session, tmp_path):
    parameters = {"trial_s": 1.0, "log": str(tmp_path / "log")}
    search(study(budget={"seconds": 2.5, "trials": 20}, parameters=parameters), tmp_path / "run", quiet=True)
    cut = [event["trial"] for event in finished(tmp_path / "run") if event["cut_off"]]
    assert cut
    before = len(finished(tmp_path / "run"))
    search(study(budget={"seconds": 5.5, "trials": 20}, parameters=parameters), tmp_path / "run", quiet=True)
    assert {event["trial"] for event in finished(tmp_path / "run")[before : before + len(cut)]} == set(cut)


def test_finished_study_measures_nothing_again(ray_session, tmp_path):
    parameters = {"log": str(tmp_path / "log")}
    first = search(study(parameters=parameters), tmp_path / "run", quiet=True)
    lines = measured(tmp_path / "log")
    assert search(study(parameters=parameters), tmp_path / "run", quiet=True) == first
    assert measured(tmp_path / "log") == lines


def test_other_study_in_the_folder_is_refused(ray_session, tmp_path):
    search(study(budget={"trials": 2}), tmp_path / "run", quiet=True)
    with pytest.raises(InfrarayError, match='holds a study with searcher: "random", not "tpe"; choose another --out'):
        search(study(searcher="tpe"), tmp_path / "run", quiet=True)


def test_other_space_in_the_folder_is_refused(ray_session, tmp_path, monkeypatch):
    search(study(budget={"trials": 2}), tmp_path / "run", quiet=True)
    kind = load_file(BOWLS).Bowl
    narrow = dataclasses.replace(kind.space, hyperparameters=kind.space.hyperparameters[1:])
    monkeypatch.setattr(kind, "space", narrow)
    with pytest.raises(InfrarayError, match="what is searched or measured has changed since, such as a file; choose"):
        search(study(budget={"trials": 2}), tmp_path / "run", quiet=True)


def test_edited_import_in_the_folder_is_refused(ray_session, tmp_path):
    mine = tmp_path / "mine.py"
    mine.write_text(Path(BOWLS).read_text())
    (tmp_path / "bowls.yaml").write_text(yaml.safe_dump(study(imports=[str(mine)], budget={"trials": 1})))
    first = start(tmp_path / "bowls.yaml", tmp_path / "run")
    assert first.communicate(timeout=PATIENCE_S) and first.returncode == 0
    mine.write_text(Path(BOWLS).read_text().replace("bias = ", "bias = 1 + "))
    again = start(tmp_path / "bowls.yaml", tmp_path / "run")
    _, errors = again.communicate(timeout=60)
    assert again.returncode == 2 and len(errors.splitlines()) == 1
    assert "what is searched or measured has changed since, such as a file; choose another --out" in errors


@pytest.mark.parametrize("kind", ["asked", "finished"])
def test_full_disk_ends_the_search_in_one_line_and_the_same_command_goes_on(kind, ray_session, tmp_path, monkeypatch):
    append = Journal.append

    def append_until_full(journal, event):
        if event["kind"] == kind and len(journal.events) > 3:
            raise InfrarayError(f"{journal.path}: cannot be written (No space left on device); make room and run again")
        append(journal, event)

    parameters = {"log": str(tmp_path / "log")}
    monkeypatch.setattr(Journal, "append", append_until_full)
    with pytest.raises(InfrarayError, match=r"No space left on device\); make room and run again$"):
        search(study(parameters=parameters), tmp_path / "run", quiet=True)
    monkeypatch.undo()
    summary = search(study(parameters=parameters), tmp_path / "run", quiet=True)
    assert (summary.trials, summary.failed) == (6, 0) and summary.best is not None


def test_error_of_a_searcher_is_told_as_it_is(ray_session, tmp_path, monkeypatch):
    def tell(searcher, proposal, loss):
        raise ArithmeticError("the model has no minimum")

    monkeypatch.setattr(RandomSearch, "tell", tell)
    with pytest.raises(ArithmeticError, match="the model has no minimum"):
        search(study(), tmp_path / "run", quiet=True)


def test_time_is_written_down_while_a_trial_runs(ray_session, tmp_path, monkeypatch):
    monkeypatch.setattr("infraray.tune.study.CLOCK_S", 0.3)
    search(study(budget={"trials": 1}, parameters={"trial_s": 2.0}), tmp_path / "run", quiet=True)
    events = read_journal(tmp_path / "run" / "trials.jsonl")
    end = next(number for number, event in enumerate(events) if event["kind"] == "finished")
    noted = [event["at_s"] for event in events[:end] if event["kind"] == "clock"]
    assert len(noted) >= 3 and events[end]["ended_s"] - noted[-1] < 1.0
    # Not while the best is confirmed, which is after the study's time.
    assert all(event["kind"] == "confirming" for event in events[end + 1 :])
    assert study_report(tmp_path / "run").best is not None


def test_pieces_of_the_preparation_are_made_side_by_side_before_any_trial(tmp_path):
    log = tmp_path / "log"
    parameters = {"clays": 3, "actors": 2, "log": str(log)}
    spec = study(budget={"trials": 2}, parallel=2, resources={"cpus": 0.5}, parameters=parameters)
    (tmp_path / "bowls.yaml").write_text(yaml.safe_dump(spec))
    # In a cluster of its own: in one that has served many searches, Ray now and then counts too few free cores.
    environment = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
    command = [sys.executable, "-m", "infraray", "search", str(tmp_path / "bowls.yaml"), "--out", str(tmp_path / "run")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    acts = [line.split(maxsplit=1) for line in log.read_text().splitlines()]
    # Each waits until two processes have begun.
    assert sorted(what for _, what in acts[:3]) == ["prepare clay 0", "prepare clay 1", "prepare clay 2"]
    assert len({process for process, _ in acts[:3]}) == 2
    assert all(not what.startswith("prepare") for _, what in acts[3:])
    assert [done.stderr.count(f"preparing: clay {number}") for number in range(3)] == [1, 1, 1]
    assert done.stderr.count("note: the clay is wet") == 1


def test_preparation_that_fails_ends_the_search_in_one_line(ray_session, tmp_path):
    with pytest.raises(InfrarayError, match=r"^nothing can be measured: bowls: there is no clay$"):
        search(study(parameters={"unprepared": True}), tmp_path / "run", quiet=True)


def test_trial_larger_than_the_cluster_is_refused(ray_session, tmp_path):
    with pytest.raises(InfrarayError, match="a trial asks for 1 CPUs and 3 GPUs; the cluster has 2 and 0"):
        search(study(resources={"gpus": 3}), tmp_path / "run", quiet=True)


PATIENCE_S = 600
"""After this long a search hangs, also on a machine where a start takes minutes."""


def start(spec: Path, folder: Path) -> subprocess.Popen:
    environment = {**os.environ, "RAY_ADDRESS": ray.get_runtime_context().gcs_address}
    return subprocess.Popen(
        [sys.executable, "-m", "infraray", "search", str(spec), "--out", str(folder)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("searcher", ["random", "tpe", "bohb", "smac"])
def test_a_killed_search_loses_nothing(searcher, ray_session, tmp_path, monkeypatch):
    (temporary := tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    trials = {"random": 20, "tpe": 20, "bohb": 6, "smac": 18}[searcher]
    parameters = {"log": str(tmp_path / "log"), "trial_s": 0.1, "cracked": "raises"}
    spec = study(searcher=searcher, budget={"trials": trials}, parameters=parameters)
    (tmp_path / "bowls.yaml").write_text(yaml.safe_dump(spec))
    folder = tmp_path / "run"
    driver = start(tmp_path / "bowls.yaml", folder)
    limit = time.monotonic() + PATIENCE_S
    while not (folder / "trials.jsonl").exists() or len(finished(folder)) < 6:
        assert time.monotonic() < limit and driver.poll() is None, driver.communicate()
        time.sleep(0.02)
    time.sleep(random.uniform(0, 0.3))
    driver.kill()
    driver.communicate()
    before = read_journal(folder / "trials.jsonl")
    open_trials = {event["trial"] for event in before if event["kind"] == "asked"}
    open_trials -= {event["trial"] for event in before if event["kind"] == "finished"}
    assert not any(event["kind"] == "confirming" for event in before)

    again = start(tmp_path / "bowls.yaml", folder)
    output, errors = again.communicate(timeout=PATIENCE_S)
    assert again.returncode == 0, errors
    assert "trials found from before" in errors and "proposes otherwise" not in errors
    after = read_journal(folder / "trials.jsonl")
    assert after[: len(before)] == before
    done = [event["id"] for event in after if event["kind"] == "finished"]
    assert len(done) == len(set(done)) == len({event["trial"] for event in after if event["kind"] == "asked"})
    # Nothing that was collected was measured again; what was open was, once, and only what of it was owed.
    evaluated = collections.Counter(what for _, what in measured(tmp_path / "log") if what.startswith("measure"))
    episodes = [row for row in Run(folder).episodes().to_pylist() if row["seed"] < 100]
    assert len(episodes) == len(evaluated) == len({row["episode_id"] for row in episodes})
    assert sum(evaluated.values()) <= len(episodes) + 3 * len(open_trials)
    assert "best" in output and "defaults" in output
    # The next search removes what the killed one left, and its own.
    assert not list(temporary.glob("infraray*"))


@pytest.mark.parametrize("parallel", [1, 2])
def test_every_place_is_warmed_up_once_before_its_first_trial_and_the_clock_starts_after(
    parallel, ray_session, tmp_path
):
    log = tmp_path / "log"
    parameters = {"log": str(log), "oven": "needed", "oven_s": 2.0, "trial_s": 0.2, "actors": parallel, "clays": 2}
    summary = search(
        study(budget={"trials": 8}, parallel=parallel, parameters=parameters), tmp_path / "run", quiet=True
    )
    assert (summary.trials, summary.failed) == (8, 0)
    warmed = collections.Counter(pid for pid, what in measured(log) if what == "warm up")
    assert list(warmed.values()) == [1] * parallel
    assert {pid for pid, what in measured(log) if what.startswith("measure")} == set(warmed)
    assert finished(tmp_path / "run")[0]["began_s"] < 1.0
    # A study that has only to be confirmed needs no oven.
    again = study(budget={"trials": 8}, parallel=parallel, parameters=parameters, against=["scripted:potter"])
    lines = len(measured(log))
    search(again, tmp_path / "run", quiet=True)
    assert "warm up" not in [what for _, what in measured(log)[lines:]]


@pytest.mark.parametrize("kind", ["raises", "dies"])
def test_what_cannot_be_warmed_up_is_told_and_measured_cold(kind, ray_session, tmp_path, capfd):
    spec = study(parallel=1, parameters={"oven": kind})
    summary = search(spec, tmp_path / "run")
    assert (summary.trials, summary.failed) == (6, 0)
    reason = {"raises": "the oven is broken", "dies": "the process that ran the trial died"}[kind]
    said = capfd.readouterr().err
    assert "preparing: the oven" in said and f"the oven: {reason}" in said


def confirmed(folder: Path):
    """The episodes on the evaluation seeds."""
    return [row for row in Run(folder).episodes().to_pylist() if row["seed"] >= 100]


def test_evaluation_seeds_are_confirmed_side_by_side_each_once(ray_session, tmp_path):
    log = tmp_path / "log"
    found = search(study(budget={"trials": 8}, parameters={"log": str(log), "actors": 2}), tmp_path / "run", quiet=True)
    episodes = confirmed(tmp_path / "run")
    assert sorted((row["agent"], row["seed"]) for row in episodes) == sorted(
        (label, seed) for label in ("x=4.0 y=500.0 glaze=plain", found.best) for seed in range(100, 104)
    )
    assert len({pid for pid, what in measured(log) if what.startswith("confirm")}) == 2
    scores = [row["score"] for row in episodes if row["agent"] == found.best]
    assert found.score == pytest.approx(sum(scores) / 4)


def test_a_seed_that_fails_refuses_the_configuration_and_the_next_is_tried(ray_session, tmp_path):
    summary = search(study(budget={"trials": 8}, parameters={"unconfirmed": 102}), tmp_path / "run", quiet=True)
    episodes = confirmed(tmp_path / "run")
    failed = [row["failure"] for row in episodes if row["failure"]]
    assert failed == ["quality gate: it leaks"] * 3 and summary.best in (None, "x=4.0 y=500.0 glaze=plain")
    assert len(episodes) == 4 * 4


def test_a_search_killed_between_two_seeds_measures_only_the_others(ray_session, tmp_path):
    log = tmp_path / "log"
    parameters = {"log": str(log), "seed_s": 0.7}
    (tmp_path / "bowls.yaml").write_text(yaml.safe_dump(study(budget={"trials": 4}, parallel=1, parameters=parameters)))
    folder = tmp_path / "run"
    driver = start(tmp_path / "bowls.yaml", folder)
    limit = time.monotonic() + PATIENCE_S
    while not log.exists() or sum(what.startswith("confirm") for _, what in measured(log)) < 4:
        assert time.monotonic() < limit and driver.poll() is None, driver.communicate()
        time.sleep(0.02)
    driver.kill()
    driver.communicate()
    again = start(tmp_path / "bowls.yaml", folder)
    assert again.communicate(timeout=PATIENCE_S) and again.returncode == 0
    times = collections.Counter(what for _, what in measured(log) if what.startswith("confirm"))
    episodes = confirmed(folder)
    assert len(times) == len(episodes) == 8
    # Each seed is collected as soon as it is measured: at most the one under way, and the one before it, were lost.
    assert sum(times.values()) <= 8 + 2


def test_missing_packages_name_the_extra(ray_session, tmp_path):
    (tmp_path / "bowls.yaml").write_text(yaml.safe_dump(study()))
    # As where only the package itself is installed; Ray asks for it when Tune is imported.
    program = "import sys; sys.modules['fsspec'] = None; from infraray.cli import main; main()"
    environment = {**os.environ, "RAY_ADDRESS": ray.get_runtime_context().gcs_address}
    command = [sys.executable, "-c", program, "search", str(tmp_path / "bowls.yaml"), "--out", str(tmp_path / "run")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("error: ") and done.stderr.endswith("pip install 'infraray[search]'\n")


def command_line(*arguments: object) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "infraray", "search", *map(str, arguments)], capture_output=True, text=True, timeout=60
    )


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ("searcher: smack", "3: searcher: unknown searcher 'smack'; did you mean smac?"),
        ("sercher: tpe", "3: sercher: no such field; did you mean searcher or searches"),
        ("agents: [scripted:round_robin]", "3: agents: scripted:round_robin: has no search_space; those with one are"),
        ("agents: [scripted:power_of_tow]", "unknown agent scripted:power_of_tow for load_balance; did you mean"),
        ("parameters: {num_servers: 0}", "3: load_balance: num_servers=0: must be"),
        ("budget: {trials: 0}", "3: budget.trials=0: "),
        ("parameters: {level: 2}", "3: parameters.level: belongs beside 'parameters', not inside"),
        ("parameters: {preset: x}", "3: parameters.preset: belongs beside 'parameters', not inside"),
        ("resources: {cpus: 0}", "3: resources={'cpus': 0}: one of the two must be at least 0.0001"),
        ("resources: {gpus: 1.5}", "3: resources={'gpus': 1.5}: gpus must be a whole number, or a share of one"),
        ("name: 2026-13-45", "3: not valid YAML: '2026-13-45' is not a timestamp; text goes in quotes"),
        ("budget: {}", "3: budget: says neither trials nor seconds"),
        ("evaluation_seeds: 19:25", "3: evaluation_seeds: 19 is among seeds too"),
        ("min_budget: 21", "3: min_budget: 21: must be from 2 to 20 episodes"),
        ("against: [scripted:nobody]", "3: against.0: unknown agent scripted:nobody"),
    ],
)
def test_mistake_in_the_file_is_one_line_with_its_line(change, line, tmp_path):
    from infraray.tune.study_file import StudySpec, make_objective

    agents = "" if change.startswith("agents") else "agents: [scripted:power_of_two]"
    (tmp_path / "s.yaml").write_text(f"scenario: load_balance\n# a study\n{change}\n{agents}\n")
    with pytest.raises(InfrarayError) as caught:
        make_objective(StudySpec.load(tmp_path / "s.yaml"))
    assert len(str(caught.value).splitlines()) == 1
    assert line.split(" or searches")[0] in str(caught.value)
    assert str(caught.value).startswith(f"{tmp_path}/s.yaml:")


def test_command_line_says_a_mistake_without_a_traceback(tmp_path):
    done = command_line("--scenario", "load_balance", "--agent", "scripted:round_robin", "--out", tmp_path / "run")
    assert done.returncode == 2
    assert done.stderr.startswith("error: command line: agents: scripted:round_robin: has no search_space")
    assert len(done.stderr.splitlines()) == 1
