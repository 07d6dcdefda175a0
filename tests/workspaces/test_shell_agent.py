"""An agent in a workspace plays the same episodes as every other one, within its budget, and is resumed until then."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import infraray
from infraray import isolation
from infraray.agents import load_agent, parse_agent
from infraray.errors import InfrarayError, Unavailable
from infraray.scenarios.kubernetes_policy.words import ATTEMPTS
from infraray.workspaces.scaffolds.command import Command
from infraray.workspaces.scaffolds.events import Event, Failure, Trouble
from infraray.workspaces.scaffolds.scaffold import Reader, register_scaffold
from tests.emulators.cluster.live import needs_clusters
from tests.emulators.live import needs_networks
from tests.openai_server import Reply
from tests.workspaces.played import SHORT, act, commands, play, step_by_step

pytestmark = pytest.mark.skipif(isolation.problem() is not None, reason=str(isolation.problem()))


def test_answers_through_the_tool_score_as_those_of_a_step_by_step_agent() -> None:
    played = play(commands(*act(0, 2, 1)), **SHORT)
    environment = infraray.make("load_balance", **SHORT)
    environment.reset(seed=1)
    for server in (0, 2, 1):
        environment.step(server)
    assert played.trajectory.failure is None and played.trajectory.measures is not None
    assert played.trajectory.measures.score == environment.verdict().score
    assert [json.loads(action)["server"] for action in played.actions] == [0, 2, 1]


def test_the_record_has_turns_commands_tools_and_starts() -> None:
    played = play(commands("echo hello; pwd", *act(0, 1, 2)), **SHORT)
    assert played.outputs[0] == "hello\n/workspace\n"
    turns = played.events("turn")
    assert [turn["status"] for turn in turns] == [200] * 4 and "echo hello" in turns[0]["said"]
    assert [message["role"] for message in turns[0]["asked"]] == ["system", "user"]
    assert "Choose a server" in turns[0]["asked"][1]["content"]
    assert [message["content"] for message in turns[1]["asked"]] == ["Exit code 0. Output:\nhello\n/workspace\n"]
    assert [event["name"] for event in played.events("tool")] == ["act", "act"], "the third ended the episode"
    assert len(played.events("start")) == 1
    counted = sum(step.input_tokens + step.output_tokens for step in played.trajectory.steps)
    assert counted == sum(turn["input_tokens"] + turn["output_tokens"] for turn in turns) > 0


def test_an_agent_that_stops_early_is_resumed_with_the_minutes_left() -> None:
    script = iter(["```bash\necho once\n```", "FINISHED", *(f"```bash\n{one}\n```" for one in act(0, 0, 0))])
    played = play(lambda body: next(script), "time_s=290", **SHORT)
    assert played.trajectory.failure is None
    starts = [request["messages"][-1]["content"] for request in played.requests]
    assert "About 5 minutes of your time are left" in starts[2]
    assert "once" in played.requests[2]["messages"][3]["content"], "its conversation goes on"
    assert played.summary["starts"] == 2


def test_an_agent_that_does_nothing_any_more_is_stopped_and_says_nothing_further() -> None:
    played = play(commands(*act(0)), **SHORT, invalid_action="end")
    assert played.summary["ended"] == "stopped" and played.summary["starts"] == 4
    assert played.actions[-1] == "" and played.trajectory.failure == "invalid_action"


def test_time_is_over_whatever_the_agent_does() -> None:
    played = play(commands("trap '' TERM; setsid sleep 1000 & sleep 1000"), "time_s=3", **SHORT, invalid_action="end")
    assert played.summary["ended"] == "time" and 3 <= played.summary["used_s"] < 30


def test_tokens_are_a_budget_too() -> None:
    played = play(commands(*["true"] * 1000), "tokens=12000&time_s=200", **SHORT, invalid_action="end")
    assert played.summary["ended"] == "tokens"
    tokens = sum(step.input_tokens + step.output_tokens for step in played.trajectory.steps)
    assert 12_000 <= tokens < 16_000


def test_a_wrong_call_of_a_tool_costs_no_step_and_says_what_is_right() -> None:
    played = play(commands("act; act 1 2; timer; timer nonsense", *act(0, 0, 0)), **SHORT)
    assert len(played.actions) == 3
    assert played.outputs[0].count("give one, your answer, in quotes") == 2
    assert played.outputs[0].count("seconds are left") == 2


def test_an_invalid_answer_is_told_as_to_every_agent() -> None:
    played = play(commands("act nonsense", *act(0, 0, 0)), **SHORT)
    assert "Your last answer was not valid" in played.outputs[0]
    assert [step.info["valid"] for step in played.trajectory.steps] == [False, True, True, True]


def test_a_model_that_talks_rubbish_is_told_so_and_costs_no_more_than_itself() -> None:
    says = iter(["What?", "\x00 ```python\nprint(1)\n```", "```bash\necho 1\n```"])
    played = play(lambda body: next(says, "I do not know."), **SHORT, invalid_action="end")
    assert played.summary["ended"] == "stopped" and played.outputs == ["1\n"]


def test_a_server_that_is_busy_is_asked_again_and_one_that_is_gone_stops_the_run() -> None:
    replies: list[Any] = [429, 500, *(f"```bash\n{one}\n```" for one in act(0, 0, 0))]
    played = play(lambda body: replies.pop(0), **SHORT)
    assert played.events("turn")[0]["retries"] == 2
    with pytest.raises(Unavailable, match="has taken no request for"):
        play(lambda body: 503, "time_s=60&patience_s=0.1", **SHORT)
    with pytest.raises(Unavailable, match="refuses the key"):
        play(lambda body: 401, **SHORT)


def test_a_conversation_that_is_too_long_forgets_its_oldest_turns() -> None:
    def say(body: dict[str, Any]) -> Any:
        if len(body["messages"]) > 8:
            return Reply(status=400, document={"error": {"message": "the maximum context length is 10 tokens"}})
        answers = sum("```" in message["content"] for message in body["messages"][1:])
        return f"```bash\n{'act 0' if answers > 2 else 'true'}\n```"

    played = play(say, **SHORT)
    assert played.trajectory.failure is None
    assert all("Choose a server" in request["messages"][1]["content"] for request in played.requests)


def test_the_key_stays_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_SECRET_KEY", "sk-4711-secret")
    script = commands(
        "env; cat /proc/*/environ | tr '\\0' '\\n'; ls -la / /home /tools; cat /tools/port", *act(0, 0, 0)
    )
    played = play(script, "time_s=60&api_key_env=MY_SECRET_KEY", **SHORT)
    told = json.dumps([step.agent_extra for step in played.trajectory.steps])
    assert "4711" not in told and "PATH=/tools/bin" in told


def test_a_command_of_ones_own_is_a_scaffold() -> None:
    script = "for n in 1 2 3; do act 0 >/dev/null; done"
    played = play(lambda body: "", "time_s=60&model=m&base_url=URL", kind=f"cli:/bin/sh -c '{script}'", **SHORT)
    assert played.trajectory.failure is None and len(played.actions) == 3 and not played.requests


@pytest.mark.parametrize(("command", "failure"), [("/bin/false", "crashed"), ("/bin/sh -c 'kill -SEGV $$'", "crashed")])
def test_a_scaffold_that_crashes_is_classified_and_tried_again(command: str, failure: str) -> None:
    played = play(
        lambda body: "", "time_s=60&model=m&base_url=URL", kind=f"cli:{command}", **SHORT, invalid_action="end"
    )
    assert played.summary["ended"] == "stopped" and played.summary["failures"] == {failure: 3}


class Stumbler(Command):
    """Tells of trouble for ever."""

    name = "stumbler"

    def __init__(self) -> None:
        super().__init__("yes trouble")

    def reader(self) -> Reader:
        return StumblingReader()


class StumblingReader(Reader):
    def read(self, line: str) -> list[Event]:
        return [Trouble(Failure.MODEL_REFUSED, line)]


def test_a_scaffold_that_repeats_its_trouble_for_ever_is_ended() -> None:
    register_scaffold("stumbler", Stumbler)
    played = play(commands(), "model=m&base_url=URL&time_s=100", kind="cli:stumbler", **SHORT, invalid_action="end")
    assert played.summary["failures"] == {"model_refused": 3} and played.summary["ended"] == "stopped"
    assert (played.summary["scaffold"], played.summary["version"]) == ("stumbler", None)


@pytest.mark.parametrize(
    ("agent", "line"),
    [
        ("shell:m", "must be shell:MODEL@BASE_URL"),
        ("shell:m@ftp://x", "must begin with http"),
        ("shell:m@http://h/v1?time_s=0", "time_s=0: must be greater than 0"),
        ("shell:m@http://h/v1?prompt=strucured", "did you mean structured"),
        ("shell:m@http://h/v1?tme_s=3", "did you mean time_s"),
        ("cli:codex", "model is not given"),
        ("cli:codex?model=m&base_url=h", "base_url='h'"),
        ("cli:codx?model=m&base_url=http://h/v1", "did you mean codex"),
    ],
)
def test_a_wrong_spec_is_explained_in_one_line(agent: str, line: str) -> None:
    with pytest.raises(InfrarayError) as refused:
        load_agent(parse_agent(agent), "load_balance")
    assert line in str(refused.value) and "\n" not in str(refused.value)


@needs_clusters
def test_kubernetes_policy_in_a_shell_scores_as_step_by_step() -> None:
    """Seed 1: adservice's policy names another port."""
    rule = {"from": [{"podSelector": {"matchLabels": {"app": "frontend"}}}], "ports": [{"port": 9555}]}
    patch = json.dumps([{"op": "add", "path": "/spec/ingress", "value": [rule]}])
    played = play(
        commands(
            "run kubectl get networkpolicy allow-adservice -n boutique -o name",
            "run; run kubectl get pods '|' cat; run kubectl get nonsense",
            f"cat > fix <<'END'\nkubectl patch networkpolicy allow-adservice -n boutique --type=json --patch-file "
            f'/dev/stdin <<EOF\n{patch}\nEOF\nEND\nrun "$(cat fix)"',
        ),
        scenario="kubernetes_policy",
        seed=1,
    )
    measures = step_by_step(played, "kubernetes_policy", 1)
    assert measures.correct and played.trajectory.measures == measures
    assert played.outputs[0].startswith(ATTEMPTS) and "\nnetworkpolicy.networking.k8s.io/allow" in played.outputs[0]
    assert "a command is needed" in played.outputs[1] and "makes a script of it" in played.outputs[1]


@needs_networks
def test_routing_in_a_shell_scores_as_step_by_step() -> None:
    seed = 15  # forwarding is off on the plain network
    plain: dict[str, Any] = {"preset": "netarena"}
    played = play(
        commands(
            "ip addr; on r0 sysctl net.ipv4.ip_forward | grep ip_forward",
            "on r0 nonsense; on r9 true; on r0",
            "on r0 'sysctl -w net.ipv4.ip_forward=1'",
        ),
        scenario="routing",
        seed=seed,
        **plain,
    )
    measures = step_by_step(played, "routing", seed, **plain)
    assert measures.correct and played.trajectory.measures == measures
    assert "net.ipv4.ip_forward = 0" in played.outputs[0] and "ens" not in played.outputs[0].split("\n")[0]
    assert "a machine and a command are needed" in played.outputs[1]


def test_nothing_is_left_in_the_temporary_folder() -> None:
    before = set(Path("/tmp").glob("infraray-*"))
    play(commands(*act(0, 0, 0)), **SHORT)
    assert set(Path("/tmp").glob("infraray-*")) <= before
