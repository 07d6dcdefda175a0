"""What an agent did in a workspace, as steps of ATIF."""

from hypothesis import given
from hypothesis import strategies as st

from infraray.trajectories.exporters.workspace_events import has_events, steps_of_workspace
from tests.exporters.test_atif import check_step
from tests.workspaces.recorded import Event, episode, exit_, shell, start, step, tool, turn

MISSION = [{"role": "system", "content": "You are an agent."}, {"role": "user", "content": "Repair it."}]


def test_exchanges_are_steps_and_outputs_their_observations() -> None:
    found = steps_of_workspace(
        episode(
            [
                step(
                    '{"command": "ip route"}',
                    4,
                    [start(0), turn(2, 1, "I look.", "on r0 ip route", asked=MISSION, reasoning="Routes first.")],
                ),
                step(
                    '{"command": "done"}',
                    9,
                    [
                        tool(3, 1),
                        shell(3.5, "on r0 ip route"),
                        turn(5, 1, "It is well.", asked=[{"role": "tool", "content": "default via r1"}]),
                        exit_(6),
                        start(6, 2),
                        turn(8, 1, "Done.", "finish", asked=[{"role": "user", "content": "2 minutes are left."}]),
                    ],
                ),
            ]
        )
    )
    for one in found:
        check_step({**one, "step_id": 1})
    told = [(one["source"], one["message"]) for one in found]
    assert told == [
        ("system", "start 1 of the agent"),
        ("system", "You are an agent."),
        ("user", "Repair it."),
        ("agent", "I look."),
        ("agent", "It is well."),
        ("system", "the agent ended: with exit code 0"),
        ("system", "start 2 of the agent"),
        ("user", "2 minutes are left."),
        ("agent", "Done."),
    ]
    looked, said, done = (one for one in found if one["source"] == "agent")
    (call,) = looked["tool_calls"]
    assert (call["function_name"], call["arguments"]) == ("bash", {"command": "on r0 ip route"})
    assert looked["observation"]["results"] == [{"source_call_id": call["tool_call_id"], "content": "default via r1"}]
    assert (looked["reasoning_content"], looked["metrics"]["prompt_tokens"]) == ("Routes first.", 10)
    assert looked["extra"]["actions"][0]["action_said"] == '{"command": "ip route"}'
    assert looked["extra"]["shell"][0]["command"] == "on r0 ip route"
    assert looked["extra"]["tool"][0]["name"] == "evaluate"
    assert "observation" not in said and "observation" not in done
    assert done["extra"]["actions"][0]["action_said"] == '{"command": "done"}'


def test_side_calls_are_no_steps_and_refusals_no_answers() -> None:
    side, refused = turn(1, 1, "A title", is_side=True), turn(2, 1, status=400, error="too long")
    found = steps_of_workspace(episode([step("{}", 3, [start(0), side, refused, exit_(3, "model_refused")])]))
    assert [(one["source"], one["message"]) for one in found] == [
        ("system", "start 1 of the agent"),
        ("system", "the model's server refused a request with status 400: too long"),
        ("system", "the agent ended: model_refused"),
    ]
    assert found[-1]["extra"]["actions"][0]["index"] == 0


def test_other_episodes_have_no_events() -> None:
    assert not has_events(episode([{**step("{}", 1, []), "extra": None}]))
    assert has_events(episode([step("{}", 1, [])]))


some_turns = st.builds(
    turn,
    st.floats(0, 100),
    st.floats(0, 1),
    st.text(max_size=5),
    st.none() | st.text(max_size=5),
    status=st.sampled_from([200, 200, 429]),
    is_side=st.booleans(),
    asked=st.lists(
        st.fixed_dictionaries(
            {"role": st.sampled_from(["tool", "user", "system", "assistant"]), "content": st.text(max_size=5)}
        ),
        max_size=3,
    ),
    calls=st.lists(
        st.fixed_dictionaries(
            {"name": st.just("bash"), "arguments": st.sampled_from(["", "{", "[1]", "7", '{"command": "ls"}'])}
        ),
        max_size=3,
    ),
)
others = st.one_of(
    st.builds(start, st.floats(0, 100)),
    st.builds(exit_, st.floats(0, 100), st.none() | st.just("crashed")),
    st.builds(tool, st.floats(0, 100), st.floats(0, 1)),
    st.builds(shell, st.floats(0, 100), st.just("ls")),
    st.just({"kind": "limit", "at_s": 1.0, "limit": "memory"}),
    st.just({"kind": "trouble", "at_s": 1.0, "text": "gone"}),
)


@given(st.lists(st.lists(some_turns | others, max_size=6), min_size=1, max_size=3))
def test_any_record_keeps_the_rules(parts: list[list[Event]]) -> None:
    for one in steps_of_workspace(episode([step("{}", 1, events) for events in parts])):
        check_step({**one, "step_id": 1})
