"""What the behaviour report says of episodes whose figures are known by construction."""

import csv
import io
import math
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from infraray.workspaces.behaviour.activity import Activity, activity_of
from infraray.workspaces.behaviour.behaviour import Behaviour, behaviour_of
from infraray.workspaces.behaviour.plots import write_plots
from infraray.workspaces.behaviour.report import AgentBehaviour, summaries
from infraray.workspaces.behaviour.table import behaviour_csv, print_behaviour
from infraray.workspaces.door import Door
from infraray.workspaces.technique import Technique
from tests.workspaces.recorded import episode, exit_, shell, start, step, submission, tool, trial, turn

TECHNIQUES = {
    "quantization": Technique(r"quantiz|fp8", r'"quantization": "(?!none)'),
    "prefix caching": Technique(r"prefix.?cach", r'"prefix_caching": true'),
    "speculation": Technique(r"speculat", r'"speculative_tokens": [1-9]'),
}


class Launching(Door):
    """A door that tells what was launched."""

    techniques = TECHNIQUES

    @classmethod
    def tried(cls, extra: Mapping[str, Any], parameters: Mapping[str, Any]) -> Mapping[str, Any] | None:
        return extra["trial"]["configuration"] or None


SLOW, FAST = {"quantization": "none"}, {"quantization": "fp8", "prefix_caching": False}


def inference_run(**row: object) -> Behaviour:
    """Launches the defaults, which fail, then again, then something faster, and hands in the defaults in the end."""
    steps = [
        step(
            "{}",
            5,
            [start(0), turn(5, 2, "I could quantize, or use prefix caching.")],
            **trial(SLOW, None, "start_failed"),
        ),
        step("{}", 20, [tool(15, 9), turn(20, 1)], **trial(SLOW, 1.0)),
        step("{}", 40, [tool(35, 14), exit_(38), start(38.5, 2), turn(40, 1)], **trial(FAST, 4.0)),
        step("{}", 80, [tool(60, 19), shell(70, "ls"), exit_(80)], ended="time", **submission(SLOW, 2.0)),
    ]
    found = behaviour_of(episode(steps, **row), Launching)
    assert found is not None
    return found


def test_attempts_relaunches_and_the_way_to_the_best() -> None:
    found = inference_run()
    assert (found.attempts, found.configurations, found.unchanged) == (4, 2, 1)
    assert (found.score, found.best_seen, found.kept) == (2.0, 4.0, 0.5)
    assert (found.first_working_s, found.best_s, found.whole_s) == (35.0, 60.0, 80.0)
    assert (found.turns, found.commands, found.early_stops, found.tokens, found.cost) == (3, 1, 2, 120.0, 2.0)
    assert found.ended == "time"
    assert found.failures == Counter({"attempt_start_failed": 1})


def test_techniques_are_named_in_words_and_used_in_configurations() -> None:
    found = inference_run()
    assert found.named == {"quantization", "prefix caching"}
    assert found.used == {"quantization"}


def test_time_goes_to_one_activity_each() -> None:
    found = inference_run().activity
    assert found.model_s == pytest.approx(2 + 1 + 1)
    assert found.tools_s == pytest.approx(9 + 14 + 19)
    # From the first start to its first request; the second begins after a pause of half a second.
    assert found.starting_s == pytest.approx(3 + 0.5)
    assert found.idle_s == pytest.approx(0.5)
    assert found.whole_s == pytest.approx(80)


def test_episode_that_was_not_played_in_a_workspace_has_no_behaviour() -> None:
    plain = step("{}", 1, [])
    assert behaviour_of(episode([{**plain, "extra": None}]), Door) is None


def test_scenario_that_measures_at_the_end_keeps_its_score() -> None:
    steps = [
        step('{"command": "ip route"}', 1, [start(0), turn(1, 1)]),
        {**step("nonsense", 2, [tool(1.5, 0.2)]), "valid": False, "action_understood": None},
        step('{"command": "done"}', 3, [tool(2.5, 0.1, exit_code=2)], ended="over"),
    ]
    found = behaviour_of(episode(steps, scenario="routing", score=0.25), Door)
    assert found is not None
    assert (found.attempts, found.configurations, found.score, found.best_seen) == (2, 2, 0.25, 0.25)
    assert (found.first_working_s, math.isnan(found.best_s)) == (1.5, True)


def test_quick_measurements_are_not_the_best_and_what_is_left_is_what_ran_last() -> None:
    quick = {**step("{}", 5, [start(0)], **trial(FAST, 9.0)), "action_understood": '{"workspace": {"quick": true}}'}
    steps = [step("{}", 3, [], **trial(SLOW, 3.0)), quick, step("{}", 9, [], ended="time", **submission({}, 2.0))]
    found = behaviour_of(episode(steps), Launching)
    assert found is not None
    assert (found.best_seen, found.attempts, found.configurations, found.unchanged) == (3.0, 3, 2, 1)


def test_agents_are_put_together_by_scenario(tmp_path: Path) -> None:
    found = [inference_run(), inference_run(seed=1, score=3.0), inference_run(agent="shell:m", scenario_label="other")]
    codex, other = summaries(found)
    assert (codex.agent, codex.scenario, len(codex.episodes)) == ("cli:codex", "inference", 2)
    assert (codex.mean_of("score"), codex.cost_per_score) == (2.5, 2.0 / 2.5)
    assert codex.unchanged_share == pytest.approx(2 / 6)
    assert codex.share_of("prefix caching", "named") == 1 and codex.share_of("prefix caching", "used") == 0
    assert codex.techniques == ["prefix caching", "quantization"]
    assert (codex.failures, codex.ends) == (Counter({"attempt_start_failed": 2}), Counter({"time": 2}))
    told = io.StringIO()
    print_behaviour([codex, other], Console(file=told, width=300))
    lines = told.getvalue().splitlines()
    assert any("cli:codex" in line and " 2.500" in line for line in lines)
    assert any("quantization named in 100.0 %, used in 100.0 %" in line for line in lines)
    (first, *_) = csv.DictReader(io.StringIO(behaviour_csv(found)))
    assert (first["techniques_named"], first["techniques_used"]) == ("prefix caching quantization", "quantization")
    assert (first["failures"], first["idle_s"], first["best_seen"]) == ("attempt_start_failed=1", "0.5", "4.0")
    assert {path.name for path in write_plots([codex, other], tmp_path)} == {
        "behaviour-activity.png",
        "behaviour-techniques.png",
    }


def test_unknown_figures_are_empty_and_no_errors(tmp_path: Path) -> None:
    steps = [step("{}", 0.0, [], ended="crashed")]
    found = behaviour_of(episode(steps, score=None, input_tokens=None, output_tokens=None), Door)
    assert found is not None
    (row,) = csv.DictReader(io.StringIO(behaviour_csv([found])))
    assert row["score"] == row["tokens"] == row["best_s"] == ""
    together = AgentBehaviour("inference", "cli:codex", [found])
    assert all(map(math.isnan, (together.idle_share, together.unchanged_share, together.cost_per_score)))
    print_behaviour([together], Console(file=io.StringIO()))
    assert [path.name for path in write_plots([together], tmp_path)] == ["behaviour-activity.png"]


times = st.floats(0, 100)
events = st.lists(
    st.one_of(
        st.builds(start, times),
        st.builds(exit_, times),
        st.builds(turn, times, st.floats(0, 30)),
        st.builds(tool, times, st.floats(0, 30)),
        st.builds(shell, times, st.just("ls")),
    ),
    max_size=12,
).map(lambda found: sorted(found, key=lambda event: event["at_s"]))


@given(events, st.floats(0.001, 100))
def test_activities_share_the_whole_time(found: list[dict], whole_s: float) -> None:
    activity = activity_of(found, whole_s)
    assert activity.whole_s == pytest.approx(whole_s)
    assert min(activity.model_s, activity.tools_s, activity.starting_s, activity.acting_s, activity.idle_s) >= 0
    # The same, moment by moment.
    moments = 400
    seen = Counter(_at(found, whole_s, (number + 0.5) / moments * whole_s) for number in range(moments))
    for name, seconds in vars(activity).items():
        assert seen[name] / moments == pytest.approx(seconds / whole_s, abs=0.08)


def test_run_without_events_is_idle() -> None:
    assert activity_of([], 7.0) == Activity(idle_s=7.0)


def _at(found: list[dict], whole_s: float, moment: float) -> str:
    def covers(kind: str) -> bool:
        spans = [event for event in found if event["kind"] == kind]
        return any(event["at_s"] - event["took_s"] < moment < event["at_s"] for event in spans)

    if covers("turn"):
        return "model_s"
    if covers("tool"):
        return "tools_s"
    began, lives = None, []
    for event in found:
        if event["kind"] == "start":
            began = event["at_s"]
        elif event["kind"] == "exit" and began is not None:
            lives.append((began, event["at_s"]))
            began = None
    lives += [] if began is None else [(began, whole_s)]
    name = "idle_s"
    for begin, end in lives:
        asked = [event["at_s"] - event["took_s"] for event in found if event["kind"] == "turn"]
        first = min((one for one in asked if begin <= one <= end), default=end)
        if begin < moment < first:
            return "starting_s"
        if begin < moment < end:
            name = "acting_s"
    return name
