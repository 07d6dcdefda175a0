"""A study follows from its journal alone: cut it anywhere, and it goes on as if nothing had happened."""

import json
import re
import resource
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from infraray.environment import Score
from infraray.episodes import EpisodeSpec
from infraray.errors import InfrarayError
from infraray.testing.search_problems import SWITCHES
from infraray.trajectories.journal import Journal, read_journal
from infraray.tune import Measured, SearchRequest
from infraray.tune.candidates import judge_candidates, stands
from infraray.tune.evaluation import Evaluation, Result
from infraray.tune.searchers import Searcher, registry
from infraray.tune.study import CLOCK_S, Budget, Confirmation, Study, Trial
from infraray.tune.study_file import StudySpec, make_objective
from infraray.tune.trial_actor import Order, carry_out
from tests.load.tokenizers_on_the_spot import make_words
from tests.tune.bowls import SPACE, Bowl


def request(**parameters):
    return SearchRequest("tests/Bowls-v0", None, parameters, 1, (), (0, 1, 2), (10, 11, 12, 13))


_open: list[Journal] = []


@pytest.fixture(autouse=True)
def _close_journals():
    yield
    while _open:
        _open.pop().close()


def journal_at(path: Path) -> Journal:
    _open.append(Journal(path))
    return _open[-1]


def make(path: Path, searcher="random", trials=10, objective=None, results=None, **options) -> Study:
    """A study; what is collected is told by ``results``."""
    objective = objective or Bowl(request(cracked="raises"))
    results = {} if results is None else results
    return Study(objective, searcher, 5, Budget(trials), journal_at(path), results, **options)


def play(study: Study, subject: Trial | Confirmation) -> None:
    """Plays what is owed in this process."""
    to_the_end = isinstance(subject, Confirmation)
    if owed := study.owed_episodes(subject):
        order = Order(episodes=tuple(owed), to_the_end=to_the_end)
        study.results.update(carry_out(study.objective, order, list).results)


def drive(study: Study, at_a_time=1, stop_after=None) -> None:
    """Measures all that is due in this process, the oldest of several open trials last."""
    study.start_clock()
    open_trials, finished = [], 0
    while True:
        while len(open_trials) < at_a_time and (trial := study.next_trial()) is not None:
            open_trials.append(trial)
        if not open_trials or finished == stop_after:
            break
        trial = open_trials.pop()
        play(study, trial)
        study.finish(trial, 0.0, 0.0)
        finished += 1
    if finished != stop_after:
        while due := study.due_confirmations():
            for one in due:
                play(study, one)
    study.journal.close()


def history(path: Path):
    """What happened, but for when."""
    return [
        {name: value for name, value in event.items() if name not in ("at_s", "began_s", "ended_s")}
        for event in read_journal(path)
    ]


def test_defaults_are_trial_0_and_the_best_is_confirmed_on_the_evaluation_seeds(tmp_path):
    study = make(tmp_path / "trials.jsonl", "tpe", trials=15)
    drive(study)
    assert study.trials[0].configuration == SPACE.default and study.trials[0].source == "defaults"
    best, evaluation = study.confirmed_best()
    assert best.configuration == study.ranking()[0].trial.configuration
    assert len(evaluation.samples) == 4
    assert {found.configuration["x"] for found in study.confirmations.values()} == {4.0, best.configuration["x"]}


@pytest.mark.parametrize(
    ("searcher", "trials", "cuts"), [("random", 12, None), ("tpe", 14, None), ("bohb", 5, 12), ("smac", 15, 3)]
)
def test_a_study_cut_off_anywhere_ends_as_the_undisturbed_one(searcher, trials, cuts, tmp_path):
    whole, collected = tmp_path / "whole.jsonl", {}
    study = make(whole, searcher, trials, results=collected)
    drive(study)
    content, expected = whole.read_bytes(), history(whole)
    assert any(finished.evaluation.failure == "MemoryError" for finished in study.finished.values())
    lines = content.splitlines(keepends=True)
    places = range(len(lines)) if cuts is None else range(1, len(lines), max(1, len(lines) // cuts))
    for number in places:
        cut = tmp_path / f"cut-{number}.jsonl"
        # In the middle of a line, as a crash tears it.
        cut.write_bytes(b"".join(lines[:number]) + lines[number][: len(lines[number]) // 2])
        # Of what was finished every episode is collected, of the rest some.
        finished = [event["trial"] for event in expected[:number] if event["kind"] == "finished"]
        kept = {identity for trial in finished for identity in study.trials[trial].episodes.ids}
        kept |= {identity for place, identity in enumerate(collected) if place % 3 == number % 3}
        played = {identity: result for identity, result in collected.items() if identity in kept}
        again = make(cut, searcher, trials, results=played)
        assert again.same_proposals
        drive(again)
        assert history(cut) == expected
        assert played == {
            identity: replace(found, wall_s=played[identity].wall_s) for identity, found in collected.items()
        }


@pytest.mark.parametrize("searcher", ["random", "tpe", "bohb", "smac"])
def test_several_trials_under_way_are_taken_up_again(searcher, tmp_path):
    path, results = tmp_path / "trials.jsonl", {}
    drive(make(path, searcher, 6, results=results), at_a_time=3, stop_after=4)
    before = history(path)
    open_trials = {event["trial"] for event in before if event["kind"] == "asked"}
    open_trials -= {event["trial"] for event in before if event["kind"] == "finished"}
    again = make(path, searcher, 6, results=results)
    assert {trial.number for trial in again.owed} == open_trials
    assert again.same_proposals and len(again.finished) == 4
    drive(again, at_a_time=3)
    after = history(path)
    assert after[: len(before)] == before
    finished = [event["id"] for event in after if event["kind"] == "finished"]
    assert len(finished) == len(set(finished)) == len(again.trials)


def test_larger_budget_goes_on_where_the_smaller_one_ended(tmp_path):
    results = {}
    drive(make(tmp_path / "at-once.jsonl", "tpe", 16))
    drive(make(tmp_path / "later.jsonl", "tpe", 9, results=results))
    drive(make(tmp_path / "later.jsonl", "tpe", 16, results=results))
    asked = [
        [event for event in history(tmp_path / name) if event["kind"] == "asked"]
        for name in ("at-once.jsonl", "later.jsonl")
    ]
    assert asked[0] == asked[1]


def test_searcher_that_proposes_otherwise_is_told_what_was_measured(tmp_path, monkeypatch):
    path, results = tmp_path / "trials.jsonl", {}
    drive(make(path, "tpe", 8, results=results))
    # As another version of the package would.
    monkeypatch.setitem(registry.searchers._entries, "tpe", "infraray.tune.searchers.random:RandomSearch")
    again = make(path, "tpe", 12, results=results)
    assert not again.same_proposals and len(again.finished) == 8
    drive(again)
    assert len(again.finished) == 12


def test_smaller_budgets_count_as_shares_of_a_trial(tmp_path):
    study = make(tmp_path / "trials.jsonl", "bohb", trials=6)
    drive(study)
    assert {trial.budget for trial in study.trials} == {1, 3, 9}
    spent = sum(trial.budget for trial in study.trials) / 9
    assert 6 <= spent < 7


def test_smallest_budget_may_be_raised(tmp_path):
    study = make(tmp_path / "trials.jsonl", "bohb", trials=4, min_budget=3)
    drive(study)
    assert {trial.budget for trial in study.trials} == {3, 9}


class Told(Searcher):
    """Proposes what the test lists, and keeps what it is told."""

    def __init__(self, space, budgets, seed):
        super().__init__(space, budgets, seed)
        self.told = []
        self.xs = iter([1.0, 2.0, 1.0, 3.0, 3.0, -4.0])

    def ask(self, held=None):
        from infraray.tune.searchers import Proposal

        x = next(self.xs, None)
        return None if x is None else Proposal({"x": x, "y": 1.0, "glaze": "plain"}, 9, x)

    def tell(self, proposal, loss):
        self.told.append((proposal.configuration["x"], loss))


@pytest.fixture
def told(monkeypatch):
    monkeypatch.setitem(registry.searchers._entries, "told", Told)


FAILED = Result(None, "server start failed: why", {}, 0.0)
CUT_OFF = None


def scored(score: float) -> Result:
    return Result(score, None, {}, 0.0)


def run(study: Study, results: dict) -> None:
    """Every episode of a configuration comes to what ``results`` has for its x."""
    study.start_clock()
    while (trial := study.next_trial()) is not None:
        result = results[trial.configuration["x"]]
        if result is not CUT_OFF:
            study.results.update(dict.fromkeys(trial.episodes.ids, result))
        study.finish(trial, 0.0, 0.0, cut_off=result is CUT_OFF)


def test_what_was_measured_is_told_and_not_measured_again(told, tmp_path):
    study = make(tmp_path / "trials.jsonl", "told", trials=4)
    run(study, {4.0: scored(9.0), 1.0: scored(0.5), 2.0: scored(1.0), 3.0: scored(4.0)})
    assert len(study.trials) == 4
    assert study.searcher.told == [(4.0, 9.0), (1.0, 0.5), (2.0, 1.0), (1.0, 0.5), (3.0, 4.0)]


def test_failure_is_a_finite_penalty_behind_the_worst(told, tmp_path):
    study = make(tmp_path / "trials.jsonl", "told", trials=4)
    run(study, {4.0: scored(9.0), 1.0: scored(1.0), 2.0: FAILED, 3.0: scored(4.0)})
    # As far behind the worst (9) as that is behind the best (1).
    assert (2.0, 17.0) in study.searcher.told
    found = study.finished[study.trials[2].id].evaluation
    assert (found.score, found.failure, found.reason) == (None, "server start failed", "seed 0: why")


def test_failures_before_the_first_score_are_told_after_it(told, tmp_path):
    study = make(tmp_path / "trials.jsonl", "told", trials=4)
    run(study, {4.0: FAILED, 1.0: FAILED, 2.0: scored(5.0), 3.0: scored(4.0)})
    assert study.searcher.told[:3] == [(2.0, 5.0), (4.0, 10.0), (1.0, 10.0)]


def test_trial_that_the_deadline_cut_off_teaches_nothing_and_is_owed(told, tmp_path):
    path, results = tmp_path / "trials.jsonl", {}
    study = make(path, "told", trials=3, results=results)
    run(study, {4.0: scored(9.0), 1.0: CUT_OFF, 2.0: scored(3.0)})
    assert study.searcher.told == [(4.0, 9.0), (2.0, 3.0)]
    study.journal.close()
    again = make(path, "told", trials=3, results=results)
    assert [trial.configuration["x"] for trial in again.owed] == [1.0]
    run(again, {1.0: scored(2.0)})
    assert again.searcher.told == [(4.0, 9.0), (2.0, 3.0), (1.0, 2.0)]


def test_end_of_a_small_space_ends_the_study(tmp_path):
    class Switches(Bowl):
        space = SWITCHES

        def measure(self, configuration, seed, budget):
            return Measured(float(configuration["level"]))

    for searcher in ("random", "tpe", "bohb", "smac"):
        study = make(tmp_path / f"{searcher}.jsonl", searcher, 100, Switches(request()))
        drive(study)
        full = {SWITCHES.key(trial.configuration) for trial in study.trials if trial.budget == 9}
        assert len(full) == 8


def test_confirmation_tries_the_next_best_when_one_is_refused(tmp_path):
    study = make(tmp_path / "trials.jsonl", "random", 8, Bowl(request(unconfirmed=True)))
    study.start_clock()
    while (trial := study.next_trial()) is not None:
        play(study, trial)
        study.finish(trial, 0.0, 0.0)
    ranking = [finished.trial.configuration for finished in study.ranking()]
    tried = []
    while due := study.due_confirmations():
        tried.append(due[-1].configuration)
        for one in due:
            play(study, one)
    assert tried == ranking[:3]
    # The defaults, which are measured anyway, passed.
    assert SPACE.default in ranking[3:]
    best, _ = study.confirmed_best()
    assert best.configuration == SPACE.default


def test_nothing_is_best_while_a_better_candidate_is_not_measured():
    assert judge_candidates("abcd", {"b": True, "d": True}) == {}
    assert judge_candidates("abcd", {"a": False, "b": True, "d": True}) == {"a": "refused", "b": "best"}
    assert judge_candidates("abcde", dict.fromkeys("abc", False)) == dict.fromkeys("abc", "refused")
    assert judge_candidates("abcde", {**dict.fromkeys("abc", False), "e": True})["e"] == "best"


def test_agent_is_measured_again_when_its_file_has_changed(tmp_path):
    results = {}
    (tmp_path / "potter.py").write_text("x = 1")
    potter = f"python:{tmp_path}/potter.py:Potter"

    shown = []

    def due():
        study = make(tmp_path / "trials.jsonl", trials=2, against=[potter], results=results)
        agents = [one for one in study.due_confirmations() if one.configuration is None]
        for one in agents:
            results.update(dict.fromkeys(one.episodes.ids, scored(2.0)))
        shown.append(study.confirmations[potter].episodes)
        study.journal.close()
        return [one.label for one in agents]

    assert due() == [potter] and due() == []
    (tmp_path / "potter.py").write_text("x = 2")
    assert due() == [potter] and due() == []
    # What it played as it was before is still collected, and is its row again.
    (tmp_path / "potter.py").write_text("x = 1")
    assert due() == [] and shown[-1] == shown[0] != shown[2]


def test_agent_is_measured_again_when_it_has_another_time(tmp_path):
    due, results = [], {}
    for seconds in (300.0, 300.0, 600.0):
        objective = Bowl(request(seconds=seconds))
        path = tmp_path / "trials.jsonl"
        study = make(path, trials=2, objective=objective, against=["scripted:potter"], results=results)
        due.append([one for one in study.due_confirmations() if one.configuration is None])
        for one in due[-1]:
            results.update(dict.fromkeys(one.episodes.ids, scored(2.0)))
        study.journal.close()
    assert [len(agents) for agents in due] == [1, 0, 1]


def test_agents_that_tune_an_engine_have_another_time_with_another_budget(tmp_path):
    study = {
        "name": "s",
        "scenario": "inference",
        "parameters": {"model": str(make_words(tmp_path)), "engines": ["transformers"]},
        "evaluation_seeds": [1337],
    }
    identities = [
        make_objective(StudySpec.parse({**study, "budget": budget})).agent_entry("scripted:defaults").digest
        for budget in ({"seconds": 300}, {"seconds": 300, "trials": 9}, {"seconds": 600})
    ]
    assert identities[0] == identities[1] != identities[2]


def test_clock_counts_what_earlier_sessions_took(tmp_path, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr("infraray.tune.study.time.time", lambda: now[0])
    path = tmp_path / "trials.jsonl"
    for expected in (0.0, 30.0, 60.0):
        study = Study(Bowl(request()), "random", 5, Budget(seconds=100.0), journal_at(path), {})
        study.start_clock()
        assert study.elapsed_s() == expected
        assert study.deadline == now[0] + 100.0 - expected
        trial = study.next_trial()
        now[0] += 30.0
        study.finish(trial, study.elapsed_s(now[0] - 30.0), study.elapsed_s(), cut_off=True)
        study.journal.close()
        now[0] += 500.0
    study = Study(Bowl(request()), "random", 5, Budget(seconds=90.0), journal_at(path), {})
    assert study.is_spent and study.next_trial() is None


def test_clock_counts_what_a_killed_session_took(tmp_path, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr("infraray.tune.study.time.time", lambda: now[0])
    path = tmp_path / "trials.jsonl"
    study = Study(Bowl(request()), "random", 5, Budget(seconds=100.0), journal_at(path), {})
    study.start_clock()
    study.next_trial()
    for _ in range(60):
        now[0] += 1.0
        study.note_time()
    study.journal.close()
    assert sum(event["kind"] == "clock" for event in read_journal(path)) == 60 / CLOCK_S
    now[0] += 500.0
    again = Study(Bowl(request()), "random", 5, Budget(seconds=100.0), journal_at(path), {})
    again.start_clock()
    assert again.elapsed_s() == 60.0 and len(again.owed) == 1


def came_to(objective: Bowl, configuration) -> Result:
    spec = EpisodeSpec(objective.entry(configuration, 9), 0, 0)
    return carry_out(objective, Order(episodes=(spec,)), list).results[spec.id]


def test_exception_is_a_failure_with_its_class():
    found = came_to(Bowl(request(cracked="raises")), {**SPACE.default, "glaze": "cracked"})
    assert found.score is None
    assert re.fullmatch(r"MemoryError: no more clay \(tests/tune/bowls\.py:\d+\)", found.failure)


def test_score_that_is_none_is_a_failure_and_figures_that_are_none_are_left_out():
    class Nowhere(Bowl):
        def measure(self, configuration, seed, budget):
            score = float("nan") if configuration["x"] == 4.0 else 1.0
            return Measured(score, {"kept": 1.0, "lost": float("inf")})

    assert came_to(Nowhere(request()), SPACE.default).failure == "no score: the score is nan"
    assert came_to(Nowhere(request()), {**SPACE.default, "x": 1.0}).metrics == {"kept": 1.0}


def test_journal_drops_what_a_crash_tore_off(tmp_path):
    path = tmp_path / "trials.jsonl"
    with Journal(path) as journal:
        for number in range(3):
            journal.append({"kind": "finished", "trial": number})
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        kept = whole[:length].count(b"\n")
        with Journal(path) as journal:
            assert [event["trial"] for event in journal.events] == list(range(kept))
            journal.append({"kind": "finished", "trial": 9})
        assert [event["trial"] for event in read_journal(path)] == [*range(kept), 9]


@contextmanager
def files_up_to(length: int):
    """Refuses to this process whatever makes a file longer."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (length, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_full_disk_is_one_line_and_loses_no_event_before(tmp_path):
    path = tmp_path / "trials.jsonl"
    with Journal(path) as journal:
        journal.append({"kind": "finished", "trial": 0})
    # In the middle of a line, as a disk fills up.
    with files_up_to(path.stat().st_size + 10):
        with pytest.raises(InfrarayError, match=r"trials.jsonl: cannot be written \(.*\); make room and run again"):
            with Journal(path) as journal:
                journal.append({"kind": "finished", "trial": 1})
    with Journal(path) as journal:
        assert [event["trial"] for event in journal.events] == [0]


def test_line_that_was_changed_is_told(tmp_path):
    path = tmp_path / "trials.jsonl"
    with Journal(path) as journal:
        for number in range(3):
            journal.append({"kind": "finished", "trial": number, "score": 1.5})
    path.write_text(path.read_text().replace("1.5", "9.5", 1))
    with pytest.raises(InfrarayError, match=r"trials.jsonl:1: was changed after it was written"):
        Journal(path)


def test_two_searches_do_not_write_to_one_journal(tmp_path):
    with Journal(tmp_path / "trials.jsonl"):
        with pytest.raises(InfrarayError, match="another command is writing to it"):
            Journal(tmp_path / "trials.jsonl")


def test_journal_is_json_lines(tmp_path):
    drive(make(tmp_path / "trials.jsonl", trials=3))
    lines = [json.loads(line) for line in (tmp_path / "trials.jsonl").read_bytes().split(b"\n")[:-1]]
    assert {line["event"]["kind"] for line in lines} == {"asked", "finished", "confirming"}


def test_configuration_holds_unless_it_fails_or_the_defaults_beat_it_on_the_same_seeds():
    score = Score("depth", "m", higher_is_better=False)
    defaults = Evaluation(2.0, (1.0, 2.0, 3.0))
    assert stands(Evaluation(1.0, (0.0, 1.0, 2.1)), defaults, score)
    assert stands(Evaluation(2.1, (1.5, 1.5, 3.3)), defaults, score), "tied"
    assert not stands(Evaluation(3.0, (2.0, 3.0, 4.01)), defaults, score)
    assert not stands(Evaluation(None, failure="leak"), defaults, score)
    assert stands(Evaluation(3.0, (2.0, 3.0, 4.01)), Evaluation(None, failure="leak"), score)
    assert stands(Evaluation(3.0, (2.0, 3.0, 4.01)), None, score)
