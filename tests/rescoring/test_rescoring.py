"""Stored answers under changed parsers and metrics."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

import infraray
from infraray.errors import InfrarayError, InvalidAction
from infraray.reports import write_report
from infraray.rescoring import Rescoring, rescore
from infraray.scenarios.load_balance.environment import LoadBalance
from infraray.trajectories.reader import Run
from tests.exporters.runs import BREAKS_OFF, SCRIPTED, TALKER, play_run, play_scenarios

POLICIES = ("retry", "default", "penalty", "end")
AS_PLAYED = ("run", "extra", "normalized_score")
PARSE = LoadBalance.parse_action


def understands_more(environment: LoadBalance, text: str) -> int:
    """A parser that knows what the talker's nonsense means."""
    return 2 if "fastest one" in text else PARSE(environment, text)


def understands_less(environment: LoadBalance, text: str) -> int:
    """A parser that refuses server 1."""
    server = PARSE(environment, text)
    if server == 1:
        raise InvalidAction("not server 1")
    return server


def replayed(run: Run) -> tuple[Rescoring, Run]:
    rescoring = rescore(run.path, quiet=True)
    return rescoring, Run(rescoring.out)


def judgements(run: Run) -> list[dict]:
    return [json.loads(extra)["rescored"] for extra in run.episodes().column("extra").to_pylist()]


def fingerprint(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("policy", POLICIES)
def test_nothing_changes_where_nothing_was_changed(tmp_path: Path, policy: str) -> None:
    run = play_run(tmp_path / "run", SCRIPTED, "scripted:random", f"{TALKER}?tools=true", invalid_action=policy)
    before = fingerprint(run.path)
    rescoring, new = replayed(run)
    assert fingerprint(run.path) == before
    assert rescoring.out == tmp_path / "run-rescored"
    assert (rescoring.total("episodes"), rescoring.total("changed"), rescoring.total("diverged")) == (6, 0, 0)
    for old_row, new_row in zip(run.episodes().to_pylist(), new.episodes().to_pylist(), strict=True):
        for column in (*old_row.keys() - set(AS_PLAYED), "normalized_score"):
            assert new_row[column] == old_row[column], column
    assert new.steps() == run.steps()
    assert new.manifest.name == "run-rescored"
    assert new.manifest.rescored_from == str(run.path)
    assert write_report(new.path) is not None


def test_a_run_without_text_is_rescored(tmp_path: Path) -> None:
    rescoring, _ = replayed(play_run(tmp_path / "run", SCRIPTED, text=False))
    assert (rescoring.total("episodes"), rescoring.total("changed")) == (2, 0)


def test_a_changed_metric_changes_scores_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = play_run(tmp_path / "run", SCRIPTED, TALKER)
    measure = LoadBalance.measure

    def in_milliseconds(environment: LoadBalance) -> infraray.Measures:
        measures = measure(environment)
        return replace(measures, score=1000 * measures.score, correct=True, metrics={**measures.metrics, "new": 1.0})

    monkeypatch.setattr(LoadBalance, "measure", in_milliseconds)
    rescoring, new = replayed(run)
    assert (rescoring.total("changed"), rescoring.total("diverged")) == (4, 0)
    for old_row, new_row in zip(run.episodes().to_pylist(), new.episodes().to_pylist(), strict=True):
        assert new_row["episode_id"] == old_row["episode_id"]
        assert new_row["score"] == pytest.approx(1000 * old_row["score"])
        assert new_row["floor"] == pytest.approx(1000 * old_row["floor"])
        assert new_row["correct"] is True
        assert json.loads(new_row["metrics"])["new"] == 1.0
    assert new.steps() == run.steps()
    assert all(judged["score_before"] is not None for judged in judgements(new))
    assert all({"score", "correct", "metrics"} <= set(judged["changed"]) for judged in judgements(new))
    assert not any({"rewards", "validity"} & set(judged["changed"]) for judged in judgements(new))


def test_answers_that_only_repeated_one_now_understood_are_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = play_run(tmp_path / "run", "python:tests.rescoring.test_rescoring:SaysTwoTwice")
    invalid = run.steps().column("valid").to_pylist().count(False)
    assert invalid == 2 * 3
    monkeypatch.setattr(LoadBalance, "parse_action", understands_more)
    rescoring, new = replayed(run)
    assert (rescoring.total("changed"), rescoring.total("diverged")) == (2, 0)
    assert rescoring.total("invalid_before") == invalid
    assert rescoring.total("invalid_after") == 0
    assert [judged["answers_passed_over"] for judged in judgements(new)] == [3, 3]
    assert new.steps().num_rows == run.steps().num_rows - invalid
    # The same decisions as before, and so the same scores.
    assert new.episodes().column("score") == run.episodes().column("score")


@pytest.mark.parametrize("policy", ["retry", "default", "penalty"])
def test_another_path_is_marked_as_diverged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, policy: str) -> None:
    run = play_run(tmp_path / "run", TALKER, invalid_action=policy)
    monkeypatch.setattr(LoadBalance, "parse_action", understands_more)
    rescoring, new = replayed(run)
    assert (rescoring.total("changed"), rescoring.total("diverged")) == (2, 2)
    assert rescoring.total("invalid_before") == 4
    assert rescoring.total("invalid_after") == 0
    assert all(judged["diverged"] and judged["diverged_at_step"] >= 3 for judged in judgements(new))
    assert set(new.episodes().column("status").to_pylist()) == {"finished"}


def test_answers_that_end_before_the_episode_does_fail_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = play_run(tmp_path / "run", "python:tests.rescoring.test_rescoring:SaysOne")
    monkeypatch.setattr(LoadBalance, "parse_action", understands_less)
    rescoring, new = replayed(run)
    assert (rescoring.total("diverged"), rescoring.total("failed_now")) == (2, 2)
    for row in new.episodes().to_pylist():
        assert (row["status"], row["score"]) == ("failed", None)
        assert row["failure"].startswith("AnswersRanOut: the stored answers end after 6 steps")


def test_tokens_latencies_and_messages_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = play_run(tmp_path / "run", TALKER, invalid_action="default")
    monkeypatch.setattr(LoadBalance, "parse_action", understands_more)
    _, new = replayed(run)
    for column in ("latency_s", "input_tokens", "output_tokens", "action_said"):
        assert new.steps().column(column) == run.steps().column(column)
    for before, after in zip(run.steps().to_pylist(), new.steps().to_pylist(), strict=True):
        assert json.loads(after["extra"])["agent"] == json.loads(before["extra"])["agent"]
    for column in ("input_tokens", "output_tokens", "attempts", "started_at", "wall_s"):
        assert new.episodes().column(column) == run.episodes().column(column)


def test_failed_episodes_are_copied(tmp_path: Path) -> None:
    run = play_run(tmp_path / "run", SCRIPTED, BREAKS_OFF)
    rescoring, new = replayed(run)
    assert (rescoring.total("episodes"), rescoring.total("failed_before")) == (2, 2)
    assert new.episodes().num_rows == 4
    failed = [row for row in run.episodes().to_pylist() if row["status"] == "failed"]
    copied = [row for row in new.episodes().to_pylist() if row["status"] == "failed"]
    assert [{**row, "run": "run-rescored"} for row in failed] == copied
    assert new.steps().num_rows == run.steps().num_rows


def test_a_run_that_goes_on_is_rescored_as_far_as_it_is(tmp_path: Path) -> None:
    run = play_run(tmp_path / "run", SCRIPTED, TALKER, finish=False)
    rescoring, _ = replayed(run)
    assert (rescoring.total("episodes"), rescoring.total("changed")) == (4, 0)


def test_the_same_agents_again_find_everything_collected(tmp_path: Path) -> None:
    from infraray.trajectories.store import RunStore

    _, new = replayed(play_run(tmp_path / "run", SCRIPTED))
    ids = [bytes.fromhex(identity) for identity in new.episodes().column("episode_id").to_pylist()]
    store = RunStore(new.path)
    assert not any(store.missing(ids))
    store.close()


def play_two(folder: Path) -> Run:
    """A run of ``first`` and ``second``, both load balancing, with different agents."""
    sections = [
        {"scenario": "load_balance", "label": label, "parameters": {"warmup_steps": 2, "scored_steps": scored}}
        for label, scored in (("first", 4), ("second", 5))
    ]
    return play_scenarios(folder, sections, [SCRIPTED, TALKER])


@pytest.mark.parametrize("first_is", ["live", "gone", "of another shape"])
def test_what_cannot_be_rescored_is_left_out_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first_is: str
) -> None:
    run = play_two(tmp_path / "run")
    manifest = json.loads((run.path / "run.json").read_text())
    first = manifest["scenarios"]["first"]
    if first_is == "live":
        monkeypatch.setattr(
            LoadBalance, "blocking", property(lambda environment: environment.parameters.scored_steps == 4)
        )
        why = "first drives a live system, which does not repeat itself"
    elif first_is == "gone":
        first["id"] = "infraray/Gone-v0"
        manifest["plan"]["imports"] = ["gone.py"]
        why = "first: unknown scenario 'infraray/Gone-v0'"
    else:
        first["parameters"]["number_of_servers"] = 3
        why = "first: "
    (run.path / "run.json").write_text(json.dumps(manifest))
    rescoring = rescore(run.path, quiet=True)
    assert set(rescoring.tallies) == {("second", SCRIPTED), ("second", TALKER)}
    assert (rescoring.total("episodes"), rescoring.left_out) == (4, 0)
    new = Run(rescoring.out)
    assert set(new.episodes()["scenario_label"].to_pylist()) == set(new.manifest.scenarios) == {"second"}
    assert write_report(new.path) is not None
    counts, line = rescoring.summary().split("\n")
    assert counts.startswith("4 episodes rescored")
    assert line.startswith(f"left out: {why}")
    assert ("gone.py: cannot be read" in line) == (first_is == "gone")
    assert rescore(run.path, tmp_path / "second", quiet=True, scenario="second").total("episodes") == 4
    with pytest.raises(InfrarayError, match=f"nothing can be rescored: {why}") as error:
        rescore(run.path, tmp_path / "first", quiet=True, scenario="first")
    assert "\n" not in str(error.value) and "second" not in str(error.value)
    assert not (tmp_path / "first").exists()


def test_one_scenario_is_rescored_when_asked_for(tmp_path: Path) -> None:
    run = play_two(tmp_path / "run")
    rescoring = rescore(run.path, quiet=True, scenario="first")
    assert {label for label, _ in rescoring.tallies} == {"first"}
    assert "\n" not in rescoring.summary()
    with pytest.raises(InfrarayError, match="has no scenario 'third'; it has first, second"):
        rescore(run.path, tmp_path / "third", quiet=True, scenario="third")


def test_a_live_system_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = play_run(tmp_path / "run", SCRIPTED, seeds=1)
    monkeypatch.setattr(LoadBalance, "blocking", True)
    with pytest.raises(InfrarayError, match="load_balance drives a live system"):
        rescore(run.path, quiet=True)
    assert not (tmp_path / "run-rescored").exists()


def test_an_existing_folder_is_never_written_to(tmp_path: Path) -> None:
    run = play_run(tmp_path / "run", SCRIPTED, seeds=1)
    for out in (run.path, tmp_path):
        with pytest.raises(InfrarayError, match="exists already; delete it or choose another --out"):
            rescore(run.path, out, quiet=True)


def test_what_breaks_midway_leaves_no_half_run(tmp_path: Path) -> None:
    run = play_run(tmp_path / "run", SCRIPTED)
    (part,) = run.path.glob("steps/*.parquet")
    part.write_bytes(part.read_bytes()[:-50])
    with pytest.raises(InfrarayError, match="is damaged"):
        rescore(run.path, quiet=True)
    assert not (tmp_path / "run-rescored").exists()


class SaysTwoTwice(infraray.Agent):
    """Picks server 2, every other time first in words that the parser does not know."""

    def reset(self, briefing: infraray.Briefing) -> None:
        self.said = 0

    def act(self, observation: infraray.Observation) -> str:
        self.said += 1
        return "the fastest one" if self.said % 3 == 1 and self.said < 9 else "2"


class SaysOne(infraray.Agent):
    """Picks server 1."""

    def act(self, observation: infraray.Observation) -> int:
        return 1
