"""What a run recorded becomes InferenceBench's table: the product's own files, written by its own writers."""

import math
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from io import StringIO

import numpy as np
import pytest
from rich.console import Console

from infraray.environment import Measures
from infraray.episodes import Step, Trajectory
from infraray.errors import InfrarayError
from infraray.load.workloads import Workload
from infraray.runs.planning import make_plan
from infraray.runs.run_file import RunSpec
from infraray.scenarios.inference.bench import MeasuredLaunch, to_plain
from infraray.scenarios.inference.environment import Inference
from infraray.scenarios.inference.failures import FailureMode
from infraray.scenarios.inference.integrity import Finding, IntegrityResult
from infraray.scenarios.inference.objective import InferenceObjective
from infraray.scenarios.inference.paper_ranking import ranking_scores
from infraray.scenarios.inference.paper_table import paper_table, print_paper_table
from infraray.scenarios.inference.quality import QualityResult
from infraray.scenarios.inference.scoring import ScoredRun, SubmissionStatus, aggregate_score
from infraray.scenarios.inference.setting import Setting, tuned_flags
from infraray.scenarios.inference.submission import Submission
from infraray.trajectories.encoding import encode, to_batch
from infraray.trajectories.store import RunStore, write_manifest
from infraray.tune.measured import Measured, MeasuredObjective
from infraray.tune.study_file import StudySpec
from infraray.version import __version__
from tests.load.tokenizers_on_the_spot import make_words
from tests.scenarios.inference_gates.test_quality_gate import answers
from tests.tune.played_study import play_study

DEFAULTS, TUNED = {"max_num_seqs": 256, "block_size": 16}, {"max_num_seqs": 512, "block_size": 16}
PASSED, INACCURATE = (
    QualityResult(answers(95, 100), answers(100, 100)),
    QualityResult(answers(9, 100), answers(99, 100)),
)
HONEST, CHEAT = IntegrityResult((), {}), IntegrityResult((Finding("canary", "it did", {}),), {})


@pytest.fixture(autouse=True)
def _nothing_is_missing(monkeypatch):
    """Nothing here is played: the runs are written, on a machine without the model and its engine."""
    monkeypatch.setattr(Inference, "unplayable", lambda environment: None)


def plan(agents, seeds=3, **changes):
    scenarios = [
        {
            "scenario": "inference",
            "label": label,
            "parameters": {"model": "/no/such/model", "workload": f"{label}-cpu", "engines": ["vllm-paper"]},
        }
        for label in ("A", "C")
    ]
    return make_plan(
        RunSpec.parse({"name": "tuning", "scenarios": scenarios, "agents": agents, "seeds": seeds, **changes})
    )


def submission(speedup, quality=PASSED, integrity=HONEST, configuration=TUNED):
    failure = None if math.isfinite(speedup) else "no request succeeded"
    return Submission(MeasuredLaunch(configuration, None, failure, 40.0, 20.0), speedup, quality, integrity)


def step(extra):
    return Step(
        {"text_observation": "..."}, "{}", 0.0, False, False, {"valid": True, "action": {}, "extra": extra}, 1.0
    )


def episode(spec, submitted, seen=(), configurations=(DEFAULTS,)):
    """As the environment records one; without a submission where it is None."""
    steps = [
        step({"trial": to_plain(MeasuredLaunch(one, None, None, 9.0, 9.0)), "speedup": 1.0}) for one in configurations
    ]
    score, correct, failure = 1.0, False, "not_submitted"
    if submitted is not None:
        steps.append(step({"submission": submitted.to_json()}))
        score, correct = submitted.score, submitted.passed
        failure = None if submitted.passed else str(submitted.outcome)
    measures = Measures(score, correct, None, {"best_speedup_seen": max(seen, default=0.0)}, failure)
    return Trajectory(spec, steps, measures, 1.0, math.nan, True, 1, datetime.now(UTC), 60.0, failure)


def given_up(spec):
    return Trajectory(spec, [], None, math.nan, math.nan, True, 2, datetime.now(UTC), 60.0, "TimeLimit: too slow")


def written(folder, plan, play):
    """A run's folder; ``play`` makes the trajectory of each planned episode, None leaves it owed."""
    with closing(RunStore(folder)) as store:
        about = {"infraray_version": __version__, "created_at": "2026-01-02T03:04:05+00:00"}
        write_manifest(folder, plan.manifest().model_copy(update=about))
        for spec in plan.episodes():
            trajectory = play(spec)
            if trajectory is not None:
                store.append(encode(to_batch("tuning", [trajectory]), [spec.id]))
    return folder


def printed(rows):
    console = Console(width=200, record=True, file=StringIO())
    print_paper_table(rows, console)
    return console.export_text()


def test_speedups_are_averaged_over_seed_pairs_and_geometrically_over_workloads(tmp_path):
    values = {("A", 0): 2.0, ("A", 1): 4.0, ("A", 2): 3.0, ("C", 0): 30.0, ("C", 1): 20.0, ("C", 2): 10.0}

    def play(spec):
        speedup = values[spec.entry.label, spec.seed]
        return episode(spec, submission(speedup), [speedup / 2])

    (row,) = paper_table(written(tmp_path / "run", plan(["scripted:expert"]), play))
    assert row.score.workloads["A"].value == pytest.approx(3) and row.score.workloads["C"].value == pytest.approx(20)
    assert row.score.workloads["A"].sem == pytest.approx(1 / math.sqrt(3))
    assert row.score.aggregate.value == pytest.approx(math.sqrt(60))
    assert row.score.best_seen_aggregate == row.score.aggregate
    text = printed([row])
    assert "3.00 ± 0.58" in text and "20.00 ± 5.77" in text and "7.75 ± " in text and "6 passed" in text


def test_what_fails_or_is_given_up_or_never_submits_counts_as_the_reference_with_its_class(tmp_path):
    ends = {
        ("A", 0): lambda spec: episode(
            spec, submission(50.0, INACCURATE), [8.0], [DEFAULTS, TUNED, {"block_size": 32}]
        ),
        ("A", 1): lambda spec: episode(spec, submission(50.0, integrity=CHEAT)),
        ("A", 2): lambda spec: episode(spec, submission(math.nan, QualityResult(None, None), None)),
        ("C", 0): lambda spec: episode(spec, None, [5.0]),
        ("C", 1): given_up,
        ("C", 2): lambda spec: episode(spec, submission(4.0, configuration=DEFAULTS)),
    }
    run = written(tmp_path / "run", plan(["scripted:expert"]), lambda spec: ends[spec.entry.label, spec.seed](spec))
    (row,) = paper_table(run)
    assert row.score.workloads["A"].value == 1.0 and row.score.workloads["C"].value == pytest.approx(2.0)
    assert row.score.best_seen["A"].value == pytest.approx((8 + 1 + 1) / 3)
    assert row.score.best_seen["C"].value == pytest.approx((5 + 1 + 4) / 3)
    assert row.score.outcomes == {
        SubmissionStatus.PASSED: 1,
        SubmissionStatus.QUALITY_FAILED: 1,
        SubmissionStatus.INTEGRITY_FLAGGED: 1,
        SubmissionStatus.SERVER_FAILED: 3,
    }
    assert row.modes == {
        FailureMode.QUALITY_GATE_FAILURE: 1,
        FailureMode.INTEGRITY_TRIGGER: 1,
        FailureMode.SERVER_FAILED_TO_START: 3,
        FailureMode.FIRST_WORKING_CONFIG: 1,
    }
    assert "3 server_failed" in printed([row]) and "1 first_working_config" in printed([row])


def test_three_different_sets_of_flags_before_a_failed_gate_are_edits_of_many_variables(tmp_path):
    tried = [DEFAULTS, TUNED, TUNED, {"block_size": 32}, {"block_size": 8}]
    run = written(
        tmp_path / "run",
        plan(["scripted:expert"], 1),
        lambda spec: episode(spec, submission(9.0, integrity=CHEAT), configurations=tried),
    )
    (row,) = paper_table(run)
    assert row.modes[FailureMode.MULTI_VARIABLE_EDITS] == 2


def test_a_default_that_depends_on_the_models_context_is_not_tuned(tmp_path):
    (tmp_path / "config.json").write_text('{"max_position_embeddings": 32768}')
    setting = Setting(model=str(tmp_path), workload=Workload(), engines=("vllm-paper",))
    default = setting.space.default
    assert default["max_num_batched_tokens"] == 16384
    assert tuned_flags(setting, default) == ("vllm-paper", {})
    changed = {**default, "max_num_batched_tokens": 8192}
    assert tuned_flags(setting, changed) == ("vllm-paper", {"max_num_batched_tokens": 8192})


def test_agents_stand_best_first_and_those_with_owed_episodes_have_no_score(tmp_path):
    speedups = {"scripted:expert": 6.0, "scripted:defaults": 3.0, "scripted:random": 9.0}

    def play(spec):
        owed = spec.entry.agent == "scripted:random" and spec.seed == 1
        return None if owed else episode(spec, submission(speedups[spec.entry.agent]))

    rows = paper_table(
        written(tmp_path / "run", plan(["scripted:defaults", "scripted:random", "scripted:expert"]), play)
    )
    assert [row.agent for row in rows] == ["scripted:expert", "scripted:defaults", "scripted:random"]
    assert rows[-1].score is None and "2 of its episodes are owed" in printed(rows)


def test_an_agent_that_gives_up_stands_below_one_that_submits_something_slow(tmp_path):
    def play(spec):
        slow = spec.entry.agent == "scripted:expert" or spec.seed == 0
        return episode(spec, submission(0.5 if spec.seed else 1.5)) if slow else given_up(spec)

    rows = paper_table(written(tmp_path / "run", plan(["scripted:defaults", "scripted:expert"]), play))
    assert [row.agent for row in rows] == ["scripted:expert", "scripted:defaults"]
    slow, quitter = rows
    # The figures stay the paper's.
    assert quitter.score.workloads["A"].value == pytest.approx((1.5 + 1 + 1) / 3)
    assert quitter.ranked_by == pytest.approx(slow.ranked_by) == slow.score.aggregate.value
    assert "scripted:defaults: ranked by 0.83" in printed(rows)


def test_failing_improves_no_place_in_the_order():
    for number in range(200):
        random = np.random.default_rng(number)
        agents, pairs = int(random.integers(1, 5)), int(random.integers(1, 5))
        runs = {
            f"agent:{agent}": [
                ScoredRun(
                    workload,
                    pair,
                    SubmissionStatus.PASSED if random.random() < 0.8 else SubmissionStatus.SERVER_FAILED,
                    float(np.exp(random.normal(0, 1))),
                )
                for workload in "AC"
                for pair in range(pairs)
            ]
            for agent in range(agents)
        }
        runs["quitter"] = [
            replace(run, outcome=SubmissionStatus.SERVER_FAILED) if random.random() < 0.5 else run
            for run in runs["agent:0"]
        ]
        found = ranking_scores(runs)
        assert found["quitter"] <= found["agent:0"] * (1 + 1e-12)
        worst = min(run.utility for each in runs.values() for run in each)
        if worst >= 1:
            assert found == {agent: aggregate_score(each).aggregate.value for agent, each in runs.items()}


def test_repetitions_on_a_seed_pair_are_one_value(tmp_path):
    run = written(
        tmp_path / "run",
        plan(["scripted:expert"], 2, repetitions=2),
        lambda spec: episode(spec, submission(2.0 + 2 * spec.repetition)),
    )
    (row,) = paper_table(run)
    assert row.score.aggregate.value == pytest.approx(3.0) and row.score.aggregate.sem == 0.0


def test_of_a_study_the_searcher_and_the_defaults_stand_beside_the_agents(tmp_path, monkeypatch):
    speedups = {None: 0.5, "float32": 2.0, "bfloat16": 1.5, "float16": math.nan}

    def measure(objective, configuration, seed, budget):
        speedup = speedups[configuration["dtype"]]
        return Measured(speedup, extra={"trial": to_plain(MeasuredLaunch(configuration, None, None, 9.0, 9.0))})

    def confirm(objective, configuration, seed):
        submitted = submission(speedups[configuration["dtype"]] - seed / 10, configuration=configuration)
        return Measured(submitted.score, extra={"submission": submitted.to_json()})

    def play(objective, specs):
        if "configuration" in specs[0].entry.options:
            yield from MeasuredObjective.play(objective, specs)
        else:
            yield from (episode(spec, submission(3.0), [4.0]) for spec in specs)

    for name, function in (("measure", measure), ("confirm", confirm), ("play", play)):
        monkeypatch.setattr(InferenceObjective, name, function)
    study = StudySpec.parse(
        {
            "name": "compared",
            "scenario": "inference",
            "parameters": {"model": str(make_words(tmp_path)), "engines": ["transformers"], "workload": "B-cpu"},
            "searcher": "random",
            "budget": {"trials": 4},
            "seeds": [21, 248],
            "evaluation_seeds": [1337, 428],
            "against": ["scripted:random"],
        }
    )
    agent, searcher, defaults = paper_table(play_study(study, tmp_path / "study"))
    assert [row.agent for row in (agent, searcher, defaults)] == [
        "scripted:random",
        "random: transformers --dtype float32",
        "defaults: transformers (no flags)",
    ]
    assert agent.score.aggregate.value == pytest.approx(3.0)
    assert agent.score.best_seen_aggregate.value == pytest.approx(4.0)
    # On the evaluation seeds of the tasks 0 and 1.
    assert searcher.score.aggregate.value == pytest.approx(1.95) and searcher.score.best_of == pytest.approx(2.0)
    assert searcher.score.best_seen_aggregate.value == pytest.approx(2.0)
    assert defaults.score.aggregate.value == pytest.approx(0.45)
    # The searcher has tried three settings; it was no first working one.
    assert FailureMode.FIRST_WORKING_CONFIG not in searcher.modes and FailureMode.FIRST_WORKING_CONFIG in defaults.modes


def test_what_an_open_ended_agent_launched_counts_by_the_flags_of_its_processes(tmp_path):
    tried = [f"python -m server --port 8000 --dtype {dtype}" for dtype in ("a", "b", "a", "c")]
    trial = to_plain(MeasuredLaunch({}, None, None, 0.0, 9.0, "evaluation of the server"))

    def play(spec):
        made = episode(spec, submission(9.0, integrity=CHEAT, configuration={}), configurations=())
        launches = [{"launcher": "exec ...", "processes": [line]} for line in tried]
        steps = [step({"trial": trial, "speedup": 1.0, "launch": launch}) for launch in launches]
        return replace(made, steps=[*steps, *made.steps])

    scenario = {"model": "/no/such/model", "engines": ["vllm-cpu", "transformers"]}
    planned = RunSpec.parse(
        {
            "name": "tuning",
            "scenarios": [{"scenario": "inference", "parameters": scenario}],
            "agents": ["scripted:expert"],
            "seeds": 1,
        }
    )
    (row,) = paper_table(written(tmp_path / "run", make_plan(planned), play))
    assert row.modes == {FailureMode.MULTI_VARIABLE_EDITS: 1, FailureMode.INTEGRITY_TRIGGER: 1}


def test_the_best_of_several_runs_is_the_best_that_passed(tmp_path):
    def play(spec):
        passing = spec.entry.label == "A" and spec.seed < 2
        return episode(spec, submission(2.0 + 7.0 * spec.seed, integrity=HONEST if passing else CHEAT))

    (row,) = paper_table(written(tmp_path / "run", plan(["scripted:expert"]), play))
    assert row.score.best_of == pytest.approx(3.0)  # 9 on A, and 1 on C, where none passed
    assert "best of 3" in printed([row])


def test_a_run_of_another_scenario_is_refused_in_one_line(tmp_path):
    other = make_plan(RunSpec.parse({"name": "x", "scenarios": ["load_balance"], "agents": ["scripted:random"]}))
    with pytest.raises(InfrarayError, match=r"does not play the scenario inference$"):
        paper_table(written(tmp_path / "run", other, lambda spec: None))


def test_a_submissions_record_tells_how_letters_were_found():
    told = submission(2.0).to_json()["quality"]
    assert told["answers"]["correct"] == 95 and sum(told["answers"]["letters"].values()) == 100
    assert told["passed"] and not told["too_inaccurate"]


def test_the_command_prints_the_table_or_one_line(tmp_path):
    run = written(tmp_path / "run", plan(["scripted:expert"], 1), lambda spec: episode(spec, submission(4.0)))
    command = [sys.executable, "-m", "infraray.scenarios.inference.paper_table"]
    done = subprocess.run([*command, run], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and "scripted:expert 4.00 4.00           4.00      4.00" in done.stdout
    done = subprocess.run([*command, tmp_path], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1 and "holds no run" in done.stderr
